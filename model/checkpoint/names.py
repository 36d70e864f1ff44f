"""Names of the files in a checkpoint folder, here and on the Hub; the checkpoints of a run folder; the bundled models.

Importing them does not load torch.

`best` and `latest` of a run folder are text files with the name of a checkpoint folder, because not every file system
has links. Runs of earlier versions have links, which are read, too.

The models that come with the project are in `model/pretrained/NAME/`. `bundled:NAME` names one of them. A wheel and the
app of a Space hold only one of them, so that they stay small.
"""

from __future__ import annotations

import re
from pathlib import Path

CONFIG, WEIGHTS, MANIFEST = "config.json", "model.safetensors", "manifest.json"
MODEL_FILES = (CONFIG, WEIGHTS, MANIFEST)  # every model has them
CELLS, SAMPLES = "cells.json", "samples.jsonl"
LISTED_FILES = (CELLS, SAMPLES)  # parts of a model only if its manifest lists them

METRICS = "metrics.jsonl"  # of the run up to this checkpoint
CARD, CURVE, NOTEBOOK = "README.md", "curve.png", "notebook.ipynb"
CARD_FILES = (CARD, CURVE, NOTEBOOK)  # for people; only the best checkpoint of a run has them
PUBLISHED_FILES = (*MODEL_FILES, *LISTED_FILES, METRICS, *CARD_FILES)  # pushed to both branches

STATE = "training_state"  # a folder, which resume needs; pushed to the branch `training` only


BEST, LATEST = "best", "latest"
_STEP_FOLDER = re.compile(r"step-(\d{8,15})")  # the name of a checkpoint folder, with its step
BUNDLED = "bundled"  # alone, it names the default model
BUNDLED_FOLDER = Path(__file__).parents[1] / "pretrained"
_DEFAULT = "shakespeare"
_PREFIX = f"{BUNDLED}:"


def step_of(folder: Path) -> int:
    """Returns the step in the name of a checkpoint folder; 0 for another folder."""
    found = _STEP_FOLDER.fullmatch(folder.name)
    return int(found[1]) if found else 0


def checkpoints_of(run: Path) -> list[Path]:
    """Returns the checkpoint folders of a run, oldest first."""
    return sorted((path for path in run.glob("step-*") if step_of(path) and path.is_dir()), key=step_of)


def pointed_checkpoint(pointer: Path) -> Path | None:
    """Returns the checkpoint folder that RUN/best or RUN/latest names; None when there is no such file or folder."""
    if pointer.is_dir():  # a link of an earlier version; a copy without links has the checkpoint itself here
        target = pointer.parent / pointer.resolve().name
        return target if target.is_dir() else pointer
    try:
        name = pointer.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None
    # Only the name of a folder next to it: a run folder may come from a stranger.
    target = pointer.parent / name
    return target if _STEP_FOLDER.fullmatch(name) and target.is_dir() else None


def bundled_names() -> tuple[str, ...]:
    """Returns the names of the bundled models that are installed, the default model first."""
    found = sorted(path.parent.name for path in BUNDLED_FOLDER.glob("*/config.json"))
    return tuple(sorted(found, key=lambda name: name != _DEFAULT))


def bundled_name(model: str) -> str | None:
    """Returns NAME of `bundled:NAME`; None for the name of another model."""
    return model.removeprefix(_PREFIX) if model.startswith(_PREFIX) else None


def bundled_spec(name: str) -> str:
    """Returns `bundled:NAME`."""
    return f"{_PREFIX}{name}"


PRETRAINED = BUNDLED_FOLDER / next(iter(bundled_names()), _DEFAULT)
"""The folder of the default model."""
