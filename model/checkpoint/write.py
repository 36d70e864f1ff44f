"""Writes a checkpoint folder: each file atomically, manifest.json last."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from ..files import atomic_write, json_bytes, json_lines
from ..int8.weights import QuantizedMatrix, matrices, steps
from ..named_cells import Cell, cells_to_json
from .format import DTYPES, INT8, SCALE, Checkpoint, config_to_json, parse_json
from .names import CELLS, CONFIG, MANIFEST, SAMPLES, WEIGHTS
from .read import check_tensors, read_manifest


def write_checkpoint(folder: Path | str, checkpoint: Checkpoint, *, dtype: str = "float32") -> None:
    """Writes the files of a checkpoint.

    Args:
        folder: created if it is missing; other files in it stay.
        dtype: the dtype of the stored weights: "float32", "bfloat16" or "float16". "int8" stores the matrices that int8
            inference quantizes in 8 bits, so that its texts do not change, and the other weights in the smallest dtype
            in which none changes.

    Raises:
        CheckpointError: the weights do not fit the config, or are not finite in this dtype.
        ValueError: `dtype` is not one of the four.
    """
    folder = Path(folder)
    if dtype not in (*DTYPES, INT8):
        raise ValueError(f"dtype is {dtype!r:.40}: it must be one of {', '.join((*DTYPES, INT8))}")
    floats = DTYPES.get(dtype, torch.float32)
    tensors = {name: t.detach().to("cpu", floats).contiguous() for name, t in checkpoint.weights.items()}
    check_tensors(tensors, checkpoint.config)
    if dtype == INT8:
        tensors = _in_int8(tensors, checkpoint.config.num_layers)
    files = {CONFIG: json_bytes(config_to_json(checkpoint)), WEIGHTS: save(tensors, metadata={"format": "pt"})}
    if checkpoint.cells:
        files[CELLS] = json_bytes(cells_to_json(checkpoint.cells))
    if checkpoint.samples:
        files[SAMPLES] = json_lines(checkpoint.samples)
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        atomic_write(folder / name, data)
    write_manifest(folder, files)


def smallest_dtype(weights: Mapping[str, Tensor]) -> str:
    """Returns the smallest dtype in which no weight changes: weights stored as bfloat16 stay bfloat16."""
    for name in ("bfloat16", "float16"):
        if all(torch.equal(weight.to(DTYPES[name]).float(), weight.float()) for weight in weights.values()):
            return name
    return "float32"


def _in_int8(weights: Mapping[str, Tensor], layers: int) -> dict[str, Tensor]:
    """Returns the tensors of an int8 file, of float32 weights."""
    in_int8, floats = {}, dict(weights)
    for names in matrices(layers):
        rows = torch.cat([floats.pop(name) for name in names], dim=1)
        parts = QuantizedMatrix.quantize(rows).q.chunk(len(names), dim=1)  # of H columns each
        for name, part in zip(names, parts, strict=True):
            in_int8[name], in_int8[f"{name}{SCALE}"] = part.contiguous(), steps(rows)
    smallest = DTYPES[smallest_dtype(floats)]
    return in_int8 | {name: tensor.to(smallest) for name, tensor in floats.items()}


def write_manifest(folder: Path, files: Iterable[str]) -> None:
    """Writes manifest.json with the SHA-256 of some files of a folder."""
    hashes = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in sorted(files)}
    atomic_write(folder / MANIFEST, json_bytes({"sha256": hashes}))


def write_cells(folder: Path, cells: Sequence[Cell]) -> None:
    """Writes cells.json of a checkpoint folder, or removes it if there are no cells."""
    _replace(folder, CELLS, json_bytes(cells_to_json(cells)) if cells else b"")
    if not cells:
        (folder / CELLS).unlink(missing_ok=True)


def write_training(folder: Path, changes: Mapping[str, object]) -> None:
    """Changes fields of `training` in config.json of a checkpoint folder; raises as `write_cells`."""
    config = parse_json(CONFIG, (folder / CONFIG).read_bytes())
    training = {**config.get("training", {}), **changes}
    if training != config.get("training"):
        _replace(folder, CONFIG, json_bytes({**config, "training": training}))


def _replace(folder: Path, name: str, data: bytes) -> None:
    """Writes one file and its hash in the manifest, or removes its hash if it is empty.

    The other hashes stay, because their files were not read here.
    """
    hashes = read_manifest(folder)
    hashes.pop(name, None)
    if data:
        atomic_write(folder / name, data)
        hashes[name] = hashlib.sha256(data).hexdigest()
    atomic_write(folder / MANIFEST, json_bytes({"sha256": dict(sorted(hashes.items()))}))
