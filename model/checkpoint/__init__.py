"""The files of a checkpoint folder: their format, strict reading, verification and writing.

names    the names of the files
format   Checkpoint, and the content of config.json
record   TrainingRecord: what a training recorded; the welcome text
read     read_checkpoint: reads a folder that may come from anyone, and checks it
samples  the format of samples.jsonl: what a model wrote while it was trained
write    write_checkpoint, write_cells: atomically
pointer  the checkpoints of a run folder, best and latest
bundled  the models that come with the project
"""
