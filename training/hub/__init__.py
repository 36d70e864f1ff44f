"""Everything that is sent to the Hub: checkpoints of a run, and Spaces.

calls        calls of the Hub's client: clear errors, retries, commits
checkpoints  the repo of a run, and the file that records it: checks it, pushes a checkpoint, downloads a run
pusher       pushes checkpoints in a thread while training continues
space_files  checks a Space, writes its files, pushes to it, waits until it runs
"""
