"""Finished runs with all of their checkpoints: as a run folder, and as the commits of a branch on the Hub."""

from __future__ import annotations

import json
import math
from pathlib import Path

from model import CharLSTM
from tests.local_hub import LocalHub, Repo
from tests.support.app_server import random_model

STEPS = (100, 200, 300, 1000, 2000)
LOSSES = (3.1, 2.2, 1.9, 1.6, 1.7)


def checkpoint(step: int) -> CharLSTM:
    """Return the model of a step; the models of two steps write different texts."""
    lm = random_model(seed=step)
    lm.training = {"examples": ["ROMEO:"], "step": step}
    return lm


def metrics(count: int = len(STEPS)) -> bytes:
    """Return metrics.jsonl after so many evaluations."""
    evaluations = [{"step": step, "val_loss": loss} for step, loss in zip(STEPS[:count], LOSSES[:count], strict=True)]
    return "".join(json.dumps(each) + "\n" for each in evaluations).encode()


def title(step: int, loss: float) -> str:
    return f"Step {step:,}: val loss {loss:.4f} nats, {loss / math.log(2):.3f} bpc"


def files(folder: Path, step: int, count: int) -> dict[str, bytes]:
    """Write the checkpoint of a step after so many evaluations into a folder; returns its files by name."""
    checkpoint(step).save_pretrained(folder)
    (folder / "metrics.jsonl").write_bytes(metrics(count))
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def run_folder(folder: Path) -> Path:
    """Make a run folder with a checkpoint for each of ``STEPS``; returns it."""
    for count, step in enumerate(STEPS, 1):
        files(folder / f"step-{step:08d}", step, count)
    (folder / "metrics.jsonl").write_bytes(metrics())
    (folder / "best").write_text("step-00001000\n")
    (folder / "latest").write_text("step-00002000\n")
    return folder


def pushed_run(hub: LocalHub, name: str, folder: Path) -> Repo:
    """Put the same run on the Hub: each checkpoint on the branch ``training``, the best on ``main``."""
    repo = hub.add_repo(name)
    hub.commit(repo, {}, branch="training", title="initial commit")
    for count, (step, loss) in enumerate(zip(STEPS, LOSSES, strict=True), 1):
        made = files(folder / f"step-{step:08d}", step, count)
        hub.commit(repo, made, branch="training", title=title(step, loss))
        if step == 1000:
            hub.commit(repo, made, title="Best so far: " + title(step, loss).lower())
    return repo
