"""The address of the public Hub, and the names that a run has on a Hub: its two branches, the titles of its commits."""

from __future__ import annotations

PUBLIC_HUB = "https://huggingface.co"  # as in web/index.html
MAIN = "main"  # has the best checkpoint, which is loaded by default
TRAINING = "training"  # gets a commit for each checkpoint, with all files that --resume needs


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
