"""Describes a trained model: its card, its loss curve, its named cells.

model_card     README.md of a checkpoint, from the template model_card.md.jinja
notebook       notebook.ipynb beside it, from notebook.py.jinja; both show plain_torch.py.jinja
summary        the checked fields of `training` in config.json; the welcome text in it
curve          the loss curve as a picture and as text
overlap        the longest passage that a model copied from its training text
cell_names     names for cells that follow a feature of the text; where in a text they are highest and lowest
public_text    escapes text for Markdown; removes tokens, paths and passwords; the link from a card to its Space;
               fills in a template
"""
