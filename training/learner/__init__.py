"""The training step, and the loss on held-out text; no run folder, no terminal.

recipe          every number that decides how a model is trained, with bounds and help; what it does at each progress
dataset         batches: a pure function of the ids, the seed and the step; paragraphs in random order
trainer         the first weights, the training step and its state; a step that all processes of a run take together
optimizers      Muon for the LSTM's matrices, AdamW for the rest
evaluation      the held-out loss under two protocols, its 95 % interval, and that of a 5-gram counter
distillation    soft targets of teachers
processes       torch.distributed: several processes that train one model
"""
