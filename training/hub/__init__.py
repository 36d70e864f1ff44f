"""Everything that is sent to the Hub: checkpoints of a run, and Spaces.

pusher           pushes checkpoints in a thread while training continues
outbox           files in the run folder that list the checkpoints still to be pushed
repos            the repo of a run: a valid name, and where the run is pushed to
spaces           waits until the Space of a model runs; what its hardware costs
space_files      the files of a Space
jobs             the messages between a training process and its worker process
worker_process   run_job: starts a worker process, kills it at its deadline, retries
worker           the worker process: one job, the only code of training that pushes to the Hub
checkpoint_jobs  the worker's jobs on the repo of a run
space_jobs       the worker's jobs on a Space
timeouts         time limits of requests, and the waits before retries
calls            one call of the Hub's client, with a clear error when it fails
"""
