"""The address of the public Hub, and the names that a run has on a Hub: its two branches, the titles of its commits."""

from __future__ import annotations

import re

PUBLIC_HUB = "https://huggingface.co"  # as in web/index.html
MAIN = "main"  # has the best checkpoint, which is loaded by default
TRAINING = "training"  # gets a commit for each checkpoint, with all files that --resume needs

_TITLE = re.compile(r"[Ss]tep ([\d,]{1,15})(?:$|: val loss (\d{1,3}\.\d{1,9}) )")


def commit_title(branch: str, step: int, val_loss: float | None = None, val_bpc: float | None = None) -> str:
    """Returns the title of the commit that pushes a checkpoint.

    Args:
        branch: `MAIN` or `TRAINING`.
        step: the step of the checkpoint.
        val_loss, val_bpc: its validation loss in nats and in bits per character; None if it was not evaluated.
    """
    title = f"step {step:,}"
    if val_loss is not None and val_bpc is not None:
        title += f": val loss {val_loss:.4f} nats, {val_bpc:.3f} bpc"
    return f"Best so far: {title}" if branch == MAIN else title.capitalize()


def parse_title(title: str) -> tuple[int, float | None] | None:
    """Returns step and validation loss (None if not evaluated) of a title of the branch `TRAINING`; else None."""
    found = _TITLE.match(title)
    if not found:
        return None
    return int(found[1].replace(",", "")), float(found[2]) if found[2] else None
