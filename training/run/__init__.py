"""One run on this disk: its steps, its checkpoints, its measurements, what it prints.

training_run        the loop from the first step to the last
checkpoint_manager  which checkpoints are kept, which is the best
snapshot            the state of a run after one step
run_folder          the files of a run
kept_text           the text of a run, kept in its folder
measure             how fast this machine is; from minutes to steps
facts               what a run records about itself
hub_resume          --resume hf://USER/NAME
console             lines, samples and the progress bar
tracking            --track: metrics in Trackio
"""
