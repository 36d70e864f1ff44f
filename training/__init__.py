"""From a text to a character LSTM: `python -m training my.txt --minutes 10 --push-to user/name`.

cli       what is typed → a started run
run       one run on this disk
hub       everything that is sent to the Hub
card      what is said of a model
learner   tensors only
corpus    sources → one text → ids
signals   Ctrl-C, SIGTERM and a closed terminal
system    calls that differ between Linux, macOS and Windows
errors    errors whose message is one line for the user
job       a run on a machine of the Hub (`hf jobs uv run training/job.py`)
"""
