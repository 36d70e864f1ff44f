"""Trains the models of the gallery, `model/pretrained/NAME/`, each on a file that docs/gallery.md describes.

table  one entry a model: text, licence, options of the training, example prompts
"""
