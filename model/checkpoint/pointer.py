"""Finds the checkpoints of a run folder, and reads `best` and `latest`, text files with the name of one of them.

They are files because not every file system has links. Runs of earlier versions have links, which are read, too.
"""

from __future__ import annotations

import re
from pathlib import Path

BEST, LATEST = "best", "latest"
_STEP_FOLDER = re.compile(r"step-(\d{8,15})")  # the name of a checkpoint folder, with its step


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
