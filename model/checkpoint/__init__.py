"""The files of a checkpoint folder: their format, strict reading, verification and writing.

checkpoint  config.json, model.safetensors, manifest.json, cells.json: write, read, verify
names       names of the files in a checkpoint folder
pointer     best and latest of a run folder
"""
