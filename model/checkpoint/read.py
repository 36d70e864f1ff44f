"""Reads a checkpoint folder that may come from anyone.

No file is read that is larger than config.json allows. Names, shapes and dtypes of tensors are compared with
config.json, hashes with manifest.json. Each file is read once, so the bytes that are checked are those that are used.
No file that may hold code is opened.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from ..lstm import LSTMConfig
from ..named_cells import Cell, cells_from_json
from .format import DTYPES, SCALE, Checkpoint, CheckpointError, parse_config, parse_json
from .names import CELLS, CONFIG, MANIFEST, SAMPLES, WEIGHTS
from .record import Sample, samples_from_json

_MAX_JSON = 16 << 20  # bytes; enough for a vocabulary of all code points
_MAX_HEADER = 1 << 20  # bytes; a safetensors header has about a hundred bytes per layer
_MAX_WEIGHT = 1e6  # trained weights stay below a hundred; with much larger ones, sums overflow and logits become NaN


def read_checkpoint(folder: Path | str, *, weights: bool = True) -> Checkpoint:
    """Reads and checks a checkpoint folder; model.safetensors only if `weights` is True.

    Raises:
        CheckpointError: there is no such folder, or a file in it is missing or wrong.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise CheckpointError(f"there is no checkpoint folder named {folder.name!r}")
    if not (folder / CONFIG).exists():
        raise CheckpointError(f"{CONFIG} is missing: this is not a char-lstm checkpoint")
    hashes = read_manifest(folder)
    checkpoint = parse_config(_read_checked(folder, CONFIG, hashes))
    return replace(
        checkpoint,
        weights=_read_weights(folder, hashes, checkpoint.config) if weights else {},
        cells=_read_cells(folder, hashes, checkpoint.config) if CELLS in hashes else (),
        samples=_read_samples(folder, hashes) if SAMPLES in hashes else (),
    )


def read_config(folder: Path) -> LSTMConfig:
    """Returns the sizes of the network in config.json; raises CheckpointError if that is missing or wrong."""
    return parse_config(_read_file(folder, CONFIG)).config


def check_size(name: str, size: int, config: LSTMConfig | None = None) -> None:
    """Raises CheckpointError if a file is larger than it can need to be; `config` is needed for model.safetensors.

    Larger files are neither read nor downloaded.
    """
    if size > (most := _most_bytes(name, config)):
        raise CheckpointError(f"{name} is larger than the {most:,} bytes that it can need")


def _most_bytes(name: str, config: LSTMConfig | None) -> int:
    if name == WEIGHTS and config:
        return 8 + _MAX_HEADER + 4 * config.parameters
    return _MAX_JSON if name == CONFIG else _MAX_HEADER


def read_manifest(folder: Path) -> dict[str, str]:
    """Returns the SHA-256 of each file that manifest.json lists; raises CheckpointError if that is missing or wrong."""
    hashes = parse_json(MANIFEST, _read_file(folder, MANIFEST)).get("sha256")
    if not isinstance(hashes, dict) or not all(isinstance(value, str) for value in hashes.values()):
        raise CheckpointError(f"{MANIFEST}: sha256 must be an object of file names and hashes")
    return hashes


def check_hash(name: str, data: bytes, hashes: Mapping[str, str]) -> None:
    """Raises CheckpointError if a file is not listed in a manifest, or has another hash."""
    if name not in hashes:
        raise CheckpointError(f"{MANIFEST} does not list {name}")
    if data.startswith(b"version https://git-lfs"):
        raise CheckpointError(f"{name} is a Git LFS pointer: the file itself was not downloaded (git lfs pull)")
    if hashlib.sha256(data).hexdigest() != hashes[name]:
        raise CheckpointError(f"{name} is not the file that {MANIFEST} describes (SHA-256): damaged or changed")


def check_tensors(tensors: Mapping[str, Tensor], config: LSTMConfig) -> None:
    """Raises CheckpointError unless these are the tensors of a network, with finite values from -1e6 to 1e6."""
    shapes = config.shapes()
    missing, unknown = sorted(shapes.keys() - tensors.keys()), sorted(tensors.keys() - shapes.keys())
    if missing or unknown:
        problem = f"lacks the tensor {missing[0]!r}" if missing else f"has an unknown tensor {unknown[0]!r:.60}"
        raise CheckpointError(f"{WEIGHTS} {problem}")
    for name, shape in shapes.items():
        tensor = tensors[name]
        if tensor.shape != shape:
            found = f"{list(tensor.shape)!r:.60}"
            raise CheckpointError(f"{WEIGHTS}: {name} has shape {found}, {CONFIG} says {list(shape)}")
        if tensor.dtype not in DTYPES.values():
            raise CheckpointError(f"{WEIGHTS}: {name} has dtype {tensor.dtype}, not {', '.join(DTYPES)}")
        largest = float(tensor.float().abs().max())  # NaN if one is NaN
        if not math.isfinite(largest):
            raise CheckpointError(f"{WEIGHTS}: {name} holds NaN or infinity")
        if largest > _MAX_WEIGHT:
            raise CheckpointError(f"{WEIGHTS}: {name} holds {largest:.3g}, over the {_MAX_WEIGHT:,.0f} that is allowed")


def _read_weights(folder: Path, hashes: Mapping[str, str], config: LSTMConfig) -> dict[str, Tensor]:
    data = _read_checked(folder, WEIGHTS, hashes, config)
    try:
        tensors = load(data)  # checks the header: no overlap, no gap, nothing after the end
    except (SafetensorError, ValueError, OverflowError) as error:
        raise CheckpointError(f"{WEIGHTS} is damaged: {' '.join(str(error).split()):.160}") from error
    weights = _from_int8(tensors, config)
    check_tensors(weights, config)
    return weights


def _from_int8(tensors: Mapping[str, Tensor], config: LSTMConfig) -> dict[str, Tensor]:
    """Returns the tensors, with the network's matrices in int8 multiplied by the scales of their rows, in float32.

    Tensors of another name or shape, which `check_tensors` refuses, are not multiplied: they may be any size.
    """
    weights = dict(tensors)
    for name, shape in config.shapes().items():
        tensor = tensors.get(name)
        if tensor is None or tensor.dtype != torch.int8 or len(shape) != 2:
            continue
        scale = weights.pop(f"{name}{SCALE}", None)
        if tensor.shape != shape:
            continue
        if scale is None or scale.shape != tensor.shape[:1] or scale.dtype not in DTYPES.values():
            raise CheckpointError(f"{WEIGHTS}: {name} is in int8, so {name}{SCALE} must have a float for each row")
        weights[name] = tensor * scale.float()[:, None]
    return weights


def _read_cells(folder: Path, hashes: Mapping[str, str], config: LSTMConfig) -> tuple[Cell, ...]:
    content = parse_json(CELLS, _read_checked(folder, CELLS, hashes))
    try:
        return cells_from_json(content, config)
    except ValueError as error:
        raise CheckpointError(f"{CELLS}: {error}") from error


def _read_samples(folder: Path, hashes: Mapping[str, str]) -> tuple[Sample, ...]:
    lines = [parse_json(SAMPLES, line) for line in _read_checked(folder, SAMPLES, hashes).splitlines()]
    try:
        return samples_from_json(lines)
    except ValueError as error:
        raise CheckpointError(f"{SAMPLES}: {error}") from error


def _read_checked(folder: Path, name: str, hashes: Mapping[str, str], config: LSTMConfig | None = None) -> bytes:
    """Returns a file whose hash the manifest lists."""
    data = _read_file(folder, name, config)
    check_hash(name, data, hashes)
    return data


def _read_file(folder: Path, name: str, config: LSTMConfig | None = None) -> bytes:
    try:
        with (folder / name).open("rb") as file:
            data = file.read(_most_bytes(name, config) + 1)
    except FileNotFoundError:
        raise CheckpointError(f"{name} is missing: copy or download the checkpoint again") from None
    except OSError as error:
        raise CheckpointError(f"{name} cannot be read: {error.strerror}") from error
    check_size(name, len(data), config)
    return data
