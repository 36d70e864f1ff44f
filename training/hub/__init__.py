"""Everything that is sent to the Hub: checkpoints and Spaces.

pusher         pushes checkpoints without ever stopping the training
outbox         checkpoints that are not on the Hub yet
child_process  starts and kills the process that talks to the Hub
worker         the jobs of that process
job_steps      what those jobs share
space_files    the files of a Space
spaces         Spaces on the Hub: check, publish, wait
space_jobs     the jobs of the worker that are about Spaces
"""
