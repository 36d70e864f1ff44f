"""Reads and writes the files of a checkpoint folder that only resuming needs: training_state/ and metrics.jsonl."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from model.checkpoint.format import CheckpointError, parse_json
from model.checkpoint.names import MANIFEST, METRICS, STATE
from model.checkpoint.read import check_manifest
from model.checkpoint.write import write_manifest
from model.files import atomic_write, json_bytes

from .facts import Evaluation

_STATE_FORMAT = 1
_STATE_FILES = ("state.safetensors", "state.json")


def read_metrics(folder: Path) -> list[Evaluation]:
    """Returns the evaluations in metrics.jsonl of a folder, oldest first.

    Raises:
        CheckpointError: the file is missing or damaged.
    """
    try:
        lines = (folder / METRICS).read_bytes().splitlines()
    except OSError as error:
        raise CheckpointError(f"{METRICS} cannot be read: {error.strerror}") from None
    found = [parse_json(METRICS, line) for line in lines]
    for line in found:
        step, loss = line.get("step"), line.get("val_loss")
        if type(step) is not int or isinstance(loss, bool) or not isinstance(loss, int | float):
            raise CheckpointError(f"a line of {METRICS} has no valid step or val_loss")
    return cast(list[Evaluation], found)


def write_state(folder: Path, state: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Writes training_state/ of a checkpoint: the tensors as safetensors, `state` as JSON, and a manifest of hashes.

    Raises:
        OSError: the disk is full or not writable.
    """
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
    try:
        data = {name: (inside / name).read_bytes() for name in _STATE_FILES}
        check_manifest((inside / MANIFEST).read_bytes(), data)
    except OSError as error:
        raise CheckpointError(f"{STATE} cannot be read: {error.strerror}") from None
    state = parse_json("state.json", data["state.json"])
    if state.get("format_version") != _STATE_FORMAT:
        raise CheckpointError(f"state.json: format_version is {state.get('format_version')!r:.40}, not {_STATE_FORMAT}")
    try:
        return state, load(data["state.safetensors"])
    except SafetensorError as error:
        raise CheckpointError(f"state.safetensors is damaged: {error}") from None
