"""Everything that is sent to the Hub: checkpoints of a run, and Spaces.

destination  the repo of a run, and the file in the run folder that records it
calls        calls of the Hub's client: clear errors, retries, commits
checkpoints  checks a repo, pushes a checkpoint, downloads a run
pusher       pushes checkpoints in a thread while training continues
space_files  the files of a Space
spaces       checks a Space, pushes to it, waits until it runs
"""
