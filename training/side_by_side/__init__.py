"""Several trainings side by side: on the cores of this machine, or on the machines of a Ray cluster.

task             one training: its arguments and its run folder
executor         what runs tasks must do, and how a task is tried again
local_processes  runs tasks as processes of this machine
child            the process of a task
ray_tasks        runs tasks as tasks of Ray
choice           which of the two runs the tasks
"""
