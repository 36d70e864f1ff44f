"""The files of a checkpoint folder: their format, strict reading, verification and writing.

names    the names of the files; the checkpoints of a run folder, best and latest; the models that come with the project
format   Checkpoint, and the content of config.json
record   TrainingRecord: what a training recorded; the welcome text; samples.jsonl: what a model wrote meanwhile
read     read_checkpoint: reads a folder that may come from anyone, and checks it
write    write_checkpoint, write_cells: atomically
"""
