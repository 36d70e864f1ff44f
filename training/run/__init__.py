"""One run on this machine: the training loop, its checkpoints on disk, its speed, its output.

training_run        the loop from the first step to the last
checkpoint_manager  saves checkpoints, marks the best, writes cards, queues pushes
snapshot            a run after one step: what a checkpoint folder holds, written and read
run_folder          the files of a run folder, also of a run on the Hub; the copy of the training text
measure             measures the cost of the parts of a run on this machine; how many threads compute a step
clock               the progress of a run, by its steps or by --minutes, and its log on disk
console             output: lines, samples, the progress bar
"""
