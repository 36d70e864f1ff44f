"""Tensors only: what a training step computes, and the losses that judge it.

recipe          every number that decides how a model is trained
dataset         batches: a pure function of the ids, the seed and the step
trainer         the training step and its state
initialization  the weights before the first step
dropout         locked dropout and weight dropout
optimizers      Muon for the matrices of the LSTM, AdamW for the rest
evaluation      the held-out loss under two protocols
distillation    soft targets of teachers
processes       several processes that train one model (torchrun)
follow          what every process but the first does
heap            keeps the memory of one step for the next
"""
