"""Names of the files in a checkpoint folder, on this disk and on the Hub; importing them does not load torch."""

from __future__ import annotations

CONFIG, WEIGHTS, MANIFEST = "config.json", "model.safetensors", "manifest.json"
MODEL_FILES = (CONFIG, WEIGHTS, MANIFEST)  # every model has them
CELLS = "cells.json"  # only if the manifest lists it

METRICS, SAMPLES = "metrics.jsonl", "samples.jsonl"  # of the run up to this checkpoint
CARD, CURVE = "README.md", "curve.png"
PUBLISHED_FILES = (*MODEL_FILES, CELLS, CARD, METRICS, SAMPLES, CURVE)  # pushed to both branches, see model/hub/names

STATE = "training_state"  # a folder, which resume needs; pushed to the branch `training` only
