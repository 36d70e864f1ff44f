"""Proposes a correction for the name of a file that does not exist."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

from model.checkpoint.bundled import bundled_name
from model.terminal import one_line

_SIMILARITY = 0.7  # of two names, by difflib's ratio; from it on one is suggested for the other


def not_found(typed: str, path: Path) -> str:
    """Returns the message for a path that does not exist, with the most likely correction."""
    label = one_line(typed)
    if path.is_symlink():
        return f"{label} is a link to a file that does not exist: give the file itself"
    if bundled_name(typed) is not None:
        return f"{label} is a model, not a text: to train from it, use --from {label}"
    if similar := _similar_name(path):
        return f"there is no file or folder {label}: is it {one_line(str(Path(typed).with_name(similar)))}?"
    first, slash, _ = typed.partition("/")
    if slash and re.fullmatch(r"(?:[\w-]+\.)+[A-Za-z]{2,}(?::\d+)?", first, re.ASCII):
        return f"there is no file or folder {label}: for an address on the web, write https://{label}"
    if re.fullmatch(r"[\w.-]+/[\w.-]+", typed, re.ASCII):
        return f"there is no file or folder {label}: for a dataset on the Hub, write hf://datasets/{label}"
    return f"there is no file or folder {label}: check the name and the folder you are in"


def _similar_name(path: Path) -> str | None:
    """Returns the most similar name in the folder of a missing file, suffixes ignored; None if none is similar."""
    try:
        names = {Path(entry.name).stem.casefold(): entry.name for entry in sorted(path.parent.iterdir())}
    except OSError:
        return None
    close = difflib.get_close_matches(path.stem.casefold(), names, n=1, cutoff=_SIMILARITY)
    return names[close[0]] if close else None
