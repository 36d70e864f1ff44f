"""Checkpoints that are changed by a test: `rewrite` and the functions based on it also correct the manifest.

So each test reaches the check that it is about, and not that of the SHA-256.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

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


def changed_header(folder: Path, change: Callable[[Header], object]) -> None:
    header, payload = split((folder / WEIGHTS).read_bytes())
    change(header)
    rewrite(folder, WEIGHTS, join(header, payload))
