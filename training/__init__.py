"""From a text to a character LSTM: `python -m training my.txt --minutes 10 --push-to user/name`.

gallery       trains each bundled model again, from its text to its card (`python -m training.gallery NAME TEXT`)
cli           from the command line to a run that is ready to train
run           one run on this disk
hub           everything that is sent to the Hub
card          describes a trained model: card, loss curve, named cells
learner       the training step, the loop of steps, the held-out loss: tensors only
corpus        from the sources that a user types to character ids
signals       Ctrl-C, SIGTERM and a closed terminal
os_calls      calls that differ between Linux, macOS and Windows
errors        errors whose message is one line for the user
job           a run on a machine of the Hub (`hf jobs uv run training/job.py`)
"""
