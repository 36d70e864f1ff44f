"""Checkpoints that are changed by a test: `rewrite` and the functions based on it also correct the manifest.

So each test reaches the check that it is about, and not that of the SHA-256.
"""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor

from model import CharLSTM, CheckpointError
from model.checkpoint.names import CONFIG, MANIFEST, WEIGHTS
from model.checkpoint.write import write_manifest

Header = dict[str, Any]


def rewrite(folder: Path, name: str, data: bytes) -> None:
    (folder / name).write_bytes(data)
    if name != MANIFEST:
        write_manifest(folder, (CONFIG, WEIGHTS))


def check_refused(folder: Path, *words: str) -> str:
    """Checks that loading fails before a network is built, with a short line that has the words and no path."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("model.char_lstm.LSTMNetwork", lambda *_: pytest.fail("a network was built"))
        with pytest.raises(CheckpointError) as caught:
            CharLSTM.from_pretrained(folder)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 250
    assert str(folder.parent) not in message
    for part in words:
        assert part in message
    return message


def changed_config(folder: Path, **changes: Any) -> None:
    """Changes fields of config.json; those that become ... are removed."""
    config = {**json.loads((folder / CONFIG).read_bytes()), **changes}
    kept = {name: value for name, value in config.items() if value is not ...}
    rewrite(folder, CONFIG, json.dumps(kept).encode())


def split(data: bytes) -> tuple[Header, bytes]:
    size = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + size]), data[8 + size :]


def join(header: Header | bytes, payload: bytes) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + payload


def changed_tensors(change: Callable[[dict[str, Tensor]], object]) -> Callable[[bytes], bytes]:
    """Returns a function that changes the tensors of a file, given as its bytes."""

    def changed(data: bytes) -> bytes:
        tensors = load(data)
        change(tensors)
        return save(tensors)

    return changed


def without_place(data: bytes) -> bytes:
    """Returns a file whose header does not say where the numbers of a tensor are."""
    header, payload = split(data)
    header[BIAS]["data_offsets"] = None
    return join(header, payload)


MATRIX, BIAS, SCALE = "output.weight", "output.bias", "output.weight_scale"
NEEDED = f"{SCALE} must have a float for each row"
# What is done to an int8 file of `tiny_model`, and what Python and the page say.
DAMAGED_INT8: dict[str, tuple[Callable[[bytes], bytes], str, str]] = {
    "cut": (lambda data: data[:-1], "is damaged", "is cut or damaged"),
    "no place": (without_place, "is damaged", f"the place of {BIAS}"),
    "no scales": (changed_tensors(lambda t: t.pop(SCALE)), NEEDED, f"{SCALE} of shape undefined"),
    "too few scales": (changed_tensors(lambda t: t.update({SCALE: t[SCALE][:3].clone()})), NEEDED, "of shape [3]"),
    "too few rows": (
        changed_tensors(lambda t: t.update({MATRIX: t[MATRIX][:3].clone()})),
        f"{MATRIX} has shape [3,",
        f"{MATRIX} of shape [3,",
    ),
    "int8 scales": (changed_tensors(lambda t: t.update({SCALE: t[SCALE].char()})), NEEDED, f"{SCALE} of dtype I8"),
    "an int8 bias": (changed_tensors(lambda t: t.update({BIAS: t[BIAS].char()})), f"{BIAS} has dtype", "of dtype I8"),
    "NaN": (changed_tensors(lambda t: t[SCALE].fill_(torch.nan)), "output.weight holds NaN", f"holds NaN in {SCALE}"),
    "too large": (changed_tensors(lambda t: t[SCALE].fill_(1e5)), "output.weight holds 1.27e+07", "in output.weight"),
}


def changed_header(folder: Path, change: Callable[[Header], object]) -> None:
    header, payload = split((folder / WEIGHTS).read_bytes())
    change(header)
    rewrite(folder, WEIGHTS, join(header, payload))
