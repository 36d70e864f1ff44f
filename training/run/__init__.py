"""One run on this machine: the training loop, its checkpoints on disk, its speed, its output.

training_run        the loop from the first step to the last
checkpoint_manager  saves checkpoints, marks the best, writes cards, queues pushes
snapshot            a run after one step: what a checkpoint folder holds, written and read
run_folder          the files of a run folder
kept_text           the copy of the training text in the run folder
measure             measures the cost of the parts of a run on this machine
clock               the progress of a run, by its steps or by --minutes, and its log on disk
threads             how many threads compute a step, by measurement
facts               the published records of a run
hub_resume          downloads a run for --resume hf://USER/NAME
console             output: lines, samples, the progress bar
"""
