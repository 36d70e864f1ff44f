"""Several trainings side by side: on the cores of this machine, or on the machines of a Ray cluster.

task             one training: its arguments and its run folder
executor         the interface of local_processes and ray_tasks, and when a task is retried
local_processes  runs tasks as processes of this machine
child            the process of a task
ray_tasks        runs tasks as tasks of Ray
choice           chooses one of the two
"""
