"""A run after one step: what its checkpoint folder holds, and how the folder is written and read.

Resuming needs training_state/ (tensors, state.json and a manifest of their hashes) and metrics.jsonl; the rest is the
model, as anyone can load it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from model.checkpoint.format import Checkpoint, CheckpointError, parse_json
from model.checkpoint.names import METRICS, STATE
from model.checkpoint.read import check_hash, read_checkpoint, read_manifest
from model.checkpoint.record import Sample
from model.checkpoint.write import write_checkpoint, write_manifest
from model.files import atomic_write, json_bytes, json_lines

from .facts import Evaluation, RunState, parse_run_state

_STATE_FORMAT = 1
_STATE_FILES = ("state.safetensors", "state.json")


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A run after one step. Later steps do not change it."""

    checkpoint: Checkpoint  # the model: weights, vocabulary, config
    metrics: Sequence[Evaluation]  # so far
    samples: Sequence[Sample]  # so far
    state: RunState
    tensors: Mapping[str, Tensor]  # weights, averaged weights, optimizers, LSTM state; see `Trainer.state_tensors`
    complete: bool = False  # whether this was the last step of the run

    @property
    def step(self) -> int:
        """The number of training steps done."""
        return int(self.tensors["steps_done"])

    @property
    def val_loss(self) -> float:
        """The validation loss, in nats per character; infinite when this step was not evaluated."""
        return loss_at(self.step, self.metrics)

    def write(self, folder: Path) -> None:
        """Writes a checkpoint into an empty folder.

        Raises:
            CheckpointError: the weights are not finite.
        """
        write_checkpoint(folder, self.checkpoint, dtype="bfloat16")
        atomic_write(folder / METRICS, json_lines(self.metrics))
        write_state(folder, self.state, self.tensors)


def read_snapshot(folder: Path) -> Snapshot:
    """Returns the content of a checkpoint folder, which may come from a stranger's repo.

    Raises:
        CheckpointError: a file is missing, damaged, or of another format version.
        RunError: the run was saved by another version of the project.
    """
    checkpoint, (state, tensors) = read_checkpoint(folder), read_state(folder)
    if "steps_done" not in tensors:
        raise CheckpointError("state.safetensors lacks steps_done")
    return Snapshot(
        checkpoint=checkpoint,
        metrics=read_metrics(folder),
        samples=checkpoint.samples,
        state=parse_run_state(state),
        tensors=tensors,
    )


def loss_at(step: int, metrics: Sequence[Evaluation]) -> float:
    """Returns the validation loss of a step, in nats per character; infinite when it was not evaluated."""
    return next((float(line["val_loss"]) for line in reversed(metrics) if line["step"] == step), math.inf)


def read_metrics(folder: Path) -> list[Evaluation]:
    """Returns the evaluations in metrics.jsonl of a folder, oldest first.

    Raises:
        CheckpointError: the file is missing or damaged.
    """
    try:
        lines = (folder / METRICS).read_bytes().splitlines()
    except OSError as error:
        raise CheckpointError(f"{METRICS} cannot be read: {error.strerror}") from error
    found = [parse_json(METRICS, line) for line in lines]
    for line in found:
        step, loss = line.get("step"), line.get("val_loss")
        if type(step) is not int or isinstance(loss, bool) or not isinstance(loss, int | float):
            raise CheckpointError(f"a line of {METRICS} has no valid step or val_loss")
    return cast(list[Evaluation], found)


def write_state(folder: Path, state: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Writes training_state/ of a checkpoint folder."""
    inside = folder / STATE
    inside.mkdir(exist_ok=True)
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    atomic_write(inside / "state.safetensors", save(contiguous))
    atomic_write(inside / "state.json", json_bytes({"format_version": _STATE_FORMAT, **state}))
    write_manifest(inside, _STATE_FILES)


def read_state(folder: Path) -> tuple[Mapping[str, Any], dict[str, Tensor]]:
    """Returns the state and the tensors that `write_state` wrote; the fields of the state are not checked.

    Raises:
        CheckpointError: a file is missing, damaged, or of another format version.
    """
    inside = folder / STATE
    hashes = read_manifest(inside)
    try:
        data = {name: (inside / name).read_bytes() for name in _STATE_FILES}
    except OSError as error:
        raise CheckpointError(f"{STATE} cannot be read: {error.strerror}") from error
    for name in _STATE_FILES:
        check_hash(name, data[name], hashes)
    state = parse_json("state.json", data["state.json"])
    if state.get("format_version") != _STATE_FORMAT:
        raise CheckpointError(f"state.json: format_version is {state.get('format_version')!r:.40}, not {_STATE_FORMAT}")
    try:
        return state, load(data["state.safetensors"])
    except SafetensorError as error:
        raise CheckpointError(f"state.safetensors is damaged: {error}") from error
