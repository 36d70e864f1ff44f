"""From a text to a character LSTM: `python -m training my.txt --minutes 10 --push-to user/name`.

gallery       makes the bundled models beside Shakespeare again, each from a package (`python -m training.gallery NAME`)
cli           what is typed → a started run
side_by_side  several trainings at once
run           one run on this disk
hub           everything that is sent to the Hub
card          describes a trained model: card, loss curve, named cells
learner       tensors only
corpus        from the sources that a user types to character ids
signals       Ctrl-C, SIGTERM and a closed terminal
system        calls that differ between Linux, macOS and Windows
errors        errors whose message is one line for the user
job           a run on a machine of the Hub (`hf jobs uv run training/job.py`)
"""
