"""Imports what a training run imports, at its start and later, before runs are forked from this process."""

import training.cli.main  # noqa: F401
from training.card import model_card

model_card.import_libraries()
