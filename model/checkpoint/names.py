"""Names of the files in a checkpoint folder, on this disk and on the Hub; importing them does not load torch."""

from __future__ import annotations

CONFIG, WEIGHTS, MANIFEST = "config.json", "model.safetensors", "manifest.json"
MODEL_FILES = (CONFIG, WEIGHTS, MANIFEST)  # every model has them
CELLS, SAMPLES = "cells.json", "samples.jsonl"
LISTED_FILES = (CELLS, SAMPLES)  # parts of a model only if its manifest lists them

METRICS = "metrics.jsonl"  # of the run up to this checkpoint
CARD, CURVE, NOTEBOOK = "README.md", "curve.png", "notebook.ipynb"
CARD_FILES = (CARD, CURVE, NOTEBOOK)  # for people; only the best checkpoint of a run has them
PUBLISHED_FILES = (*MODEL_FILES, *LISTED_FILES, METRICS, *CARD_FILES)  # pushed to both branches

STATE = "training_state"  # a folder, which resume needs; pushed to the branch `training` only
