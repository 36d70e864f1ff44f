"""Reads `best` and `latest` of a run folder: small text files that hold the name of a checkpoint folder.

They are files because not every file system has links. Runs of earlier versions have links, which are read, too.
"""

from __future__ import annotations

import re
from pathlib import Path

BEST, LATEST = "best", "latest"
STEP_FOLDER = re.compile(r"step-(\d{8,15})")  # the name of a checkpoint folder, with its step


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
    return target if STEP_FOLDER.fullmatch(name) and target.is_dir() else None
