"""The checks of a checkpoint's files: their hashes in manifest.json, and what model.safetensors may hold."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..lstm import LSTMConfig
from .format import CheckpointError, parse_json
from .names import CONFIG, MANIFEST, WEIGHTS

_PICKLE_PROTOCOLS = b"\x02\x03\x04\x05"  # the second byte of a pickle
_MAX_WEIGHT = 1e6  # trained weights stay below a hundred; with much larger ones, sums overflow and logits become NaN


def parse_manifest(data: bytes) -> dict[str, str]:
    """Returns the SHA-256 of each file that manifest.json lists, in hexadecimal.

    Raises:
        CheckpointError: the data are not a manifest.
    """
    hashes = parse_json(MANIFEST, data).get("sha256")
    if not isinstance(hashes, dict) or not all(isinstance(value, str) for value in hashes.values()):
        raise CheckpointError(f"{MANIFEST}: sha256 must be an object of file names and hashes")
    return hashes


def check_manifest(manifest: bytes, files: Mapping[str, bytes]) -> None:
    """Compares files with the hashes in a manifest.

    Raises:
        CheckpointError: a file is not listed, or has another hash.
    """
    hashes = parse_manifest(manifest)
    for name, data in files.items():
        check_hash(name, data, hashes)


def check_hash(name: str, data: bytes, hashes: Mapping[str, str]) -> None:
    """Raises CheckpointError unless the hashes list a file and its SHA-256."""
    if name not in hashes:
        raise CheckpointError(f"{MANIFEST} does not list {name}")
    if hashlib.sha256(data).hexdigest() != hashes[name]:
        raise CheckpointError(f"{name} is not the file that {MANIFEST} describes (SHA-256): damaged or changed")


def check_file_type(data: bytes) -> None:
    """Raises CheckpointError that names the type, if model.safetensors is another file saved under this name."""
    start = data[:512].lstrip().lower()
    types = {
        "a Git LFS pointer: the file itself was not downloaded (git lfs pull)": start.startswith(
            b"version https://git-lfs"
        ),
        "a web page": start.startswith((b"<!doctype", b"<html")),
        "a zip archive, as torch.save writes: it may hold code and is not opened": data.startswith(b"PK\x03\x04"),
        # The length of a safetensors header may begin with the same two bytes (640 or 896, for example); zeros follow.
        "a pickle: it may hold code and is not opened": data[:1] == b"\x80"
        and data[1:2] in _PICKLE_PROTOCOLS
        and any(data[2:8]),
        "too short to be a safetensors file": len(data) < 10,
    }
    for description, matches in types.items():
        if matches:
            raise CheckpointError(f"{WEIGHTS} is {description}")


def check_header(header: Mapping[str, Any], config: LSTMConfig) -> None:
    """Raises CheckpointError unless a safetensors header describes exactly the tensors of a network."""
    shapes = config.shapes()
    missing, unknown = sorted(shapes.keys() - header.keys()), sorted(header.keys() - shapes.keys())
    if missing or unknown:
        problem = f"lacks the tensor {missing[0]!r}" if missing else f"has an unknown tensor {unknown[0]!r:.60}"
        raise CheckpointError(f"{WEIGHTS} {problem}")
    for name, shape in shapes.items():
        entry = header[name] if isinstance(header[name], dict) else {}
        if entry.get("shape") != list(shape):
            raise CheckpointError(
                f"{WEIGHTS}: {name} has shape {entry.get('shape')!r:.60}, {CONFIG} says {list(shape)}"
            )
        if entry.get("dtype") not in ("F32", "BF16", "F16"):
            raise CheckpointError(f"{WEIGHTS}: {name} has dtype {entry.get('dtype')!r:.20}, not F32, BF16 or F16")


def check_tensors(tensors: Mapping[str, Tensor], config: LSTMConfig) -> None:
    """Raises CheckpointError unless these are the tensors of a network, with finite values from -1e6 to 1e6."""
    for name, shape in config.shapes().items():
        if name not in tensors or tuple(tensors[name].shape) != shape:
            raise CheckpointError(f"the weights do not fit the config: {name} must have shape {list(shape)}")
        largest = float(tensors[name].float().abs().max())  # NaN if one is NaN
        if not math.isfinite(largest):
            raise CheckpointError(f"{WEIGHTS}: {name} holds NaN or infinity")
        if largest > _MAX_WEIGHT:
            raise CheckpointError(f"{WEIGHTS}: {name} holds {largest:.3g}, over the {_MAX_WEIGHT:,.0f} that is allowed")
    if len(tensors) != len(config.shapes()):
        raise CheckpointError("the weights hold tensors that the config does not name")
