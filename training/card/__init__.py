"""What is said of a model: its card, its loss curve, its named cells.

model_card     README.md of a checkpoint
curve          the loss curve as a picture and as text
bootstrap      the confidence interval of a loss
ngram          an n-gram baseline
overlap        the longest passage that a model copied from its text
cell_names     names for cells that follow a feature of the text
cell_features  the features that a cell may follow
escape         Markdown that no text can break out of
redact         what must not be published
"""
