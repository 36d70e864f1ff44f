"""Runs that take a second (a small text, eight cells), and what tests compare of two runs."""

import hashlib
import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from model.checkpoint.names import pointed_checkpoint
from training.card import model_card
from training.learner import evaluation
from training.learner.trainer import Trainer

ROOT = Path(__file__).resolve().parents[2]
SIZES = ("--set=hidden_size=8,embedding_size=4,num_layers=2,batch=4,window=16",)
Here = Callable[..., str]  # runs the command line, checks the exit code, and returns stderr (a fixture, `here`)
TIMES = ("seconds", "chars_per_sec")  # the only metrics that may differ between two equal runs


def words(count: int = 400, seed: int = 5) -> str:
    """Return about ``count`` words in sentences such as "the cat sat on a mat."."""
    draw = random.Random(seed)
    nouns, verbs, places = ("cat", "dog", "hen", "owl"), ("sat", "ran", "lay"), ("mat", "hill", "road")
    sentences = [
        f"the {draw.choice(nouns)} {draw.choice(verbs)} on a {draw.choice(places)}.\n" for _ in range(count // 6 + 1)
    ]
    return "".join(sentences)


def write_text(folder: Path, count: int = 400, name: str = "text.txt", *, paragraphs: bool = False) -> Path:
    """Writes a text of about `count` words; with `paragraphs`, a blank line follows each line."""
    path = folder / name
    path.write_text(words(count).replace("\n", "\n\n" if paragraphs else "\n"))
    return path


def be_quick(replace: Callable[..., object] = setattr) -> None:
    """Makes the runs of this process draw no pictures and write short samples, which spares two thirds of their time.

    Args:
        replace: sets an attribute; the one of pytest's `monkeypatch` undoes it after the test.
    """
    replace(model_card, "draw", lambda _: b"no picture")
    replace(evaluation, "SAMPLE_LENGTH", 24)


def use_small_page(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Pages are made of a copy of the project that has of its 140 files only those that are changed for a model."""
    for name in ("web/index.html", "web/languages/en.json"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    (folder / "web/static.js").touch()  # whose imports the page lists
    monkeypatch.setattr("training.hub.space_files.ROOT", folder)


def environment(**more: str) -> dict[str, str]:
    """Returns environment variables with which a process imports the project from any folder."""
    return {**os.environ, "PYTHONPATH": str(ROOT), **more}


def checkpoints(run: Path) -> list[Path]:
    return sorted(run.glob("step-*"))


def best_of(run: Path) -> Path:
    """The checkpoint folder that RUN/best names."""
    return pointed(run / "best")


def latest_of(run: Path) -> Path:
    """The checkpoint folder that RUN/latest names."""
    return pointed(run / "latest")


def pointed(pointer: Path) -> Path:
    found = pointed_checkpoint(pointer)
    assert found is not None, pointer
    return found


def outcome(run: Path) -> dict[str, Any]:
    """Returns what must not depend on how often a run was stopped: tensors, log, samples, best and latest."""
    newest = latest_of(run)
    tensors = {**load_file(newest / "model.safetensors"), **load_file(newest / "training_state" / "state.safetensors")}
    return {
        "tensors": {name: _digest(tensor) for name, tensor in tensors.items()},
        "metrics": metrics(run),
        "samples": (run / "samples.jsonl").read_text(),
        "best": best_of(run).name,
        "latest": newest.name,
    }


def files(run: Path) -> list[str]:
    return sorted(str(path.relative_to(run)) for path in run.rglob("*"))


def flip(path: Path) -> None:
    """Changes one bit in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def after_step(step: int, act: Callable[[], object], replace: Callable[..., object] = setattr) -> None:
    """Calls `act` right after a training step of this process; `replace` is as in `be_quick`."""
    plain = Trainer.step

    def watched(self: Trainer, *arguments: Any, **options: Any) -> float:
        loss = plain(self, *arguments, **options)
        if self.steps_done == step:
            act()
        return loss

    replace(Trainer, "step", watched)


def _digest(tensor: torch.Tensor) -> str:
    return hashlib.sha256(tensor.reshape(-1).view(torch.uint8).numpy().tobytes()).hexdigest()


def metrics(run: Path) -> list[dict[str, Any]]:
    """Returns the lines of metrics.jsonl, without times."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name not in TIMES} for line in lines]
