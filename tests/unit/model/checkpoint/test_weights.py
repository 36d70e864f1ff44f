"""Damaged or hostile model.safetensors: refused with one clear line before a network is built."""

from __future__ import annotations

import gzip
import os
import pickle
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from model import CharLSTM, generate
from model.checkpoint.names import WEIGHTS
from tests.support.checkpoint_files import Header, changed_header, check_refused, join, rewrite, split
from tests.support.tiny_models import tiny_model


def test_a_file_that_is_cut_or_has_more_bytes_or_a_wrong_header_length_is_refused(folder):
    data = (folder / WEIGHTS).read_bytes()
    start, size = len(data) - len(split(data)[1]), int.from_bytes(data[:8], "little")
    lengths = [0, 1, size - 1, size + 1, len(data) - 7, 2**20 + 1, 2**63, 2**64 - 1]
    for wrong in (
        *(
            b"PK\x03\x04" + b"\x14\x00" * 50,
            b"<!DOCTYPE html><html><body>Sign in</body></html>",
            b"",
            b"{",
            b"\x80" * 9,
            b"\x00" * 9,
            data + b"\x00",
            data + b"\x00" * 4096,
            b'{"weights": []}' * 10,
        ),
        *(pickle.dumps({"a": [1.0] * 50}), gzip.compress(b"weights" * 100, mtime=0)),
        *(data[:cut] for cut in (1, 7, 8, 9, start - 1, start, start + 1, len(data) // 2, len(data) - 1)),
        *(struct.pack("<Q", length) + data[8:] for length in lengths),
    ):
        rewrite(folder, WEIGHTS, wrong)
        check_refused(folder, WEIGHTS)


def test_a_huge_file_is_not_read(folder):
    with (folder / WEIGHTS).open("ab") as file:
        file.truncate(2**33)
    tracemalloc.start()
    check_refused(folder, WEIGHTS, "is larger than")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 32 * 2**20


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, ("pickle-was-opened",))


def test_a_pickle_is_never_opened(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rewrite(folder, WEIGHTS, pickle.dumps(Bomb()))
    check_refused(folder, WEIGHTS)
    (folder / WEIGHTS).unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb()))
    check_refused(folder, f"{WEIGHTS} is missing")
    assert not (tmp_path / "pickle-was-opened").exists()


BIAS = "output.bias"
SHAPES: list[Any] = [[2**62, 0], [2**63], [2**32, 2**32], [0], [4], [-3], ["3"], [[3]], [True, 3], [10**400], None, {}]
METADATA: list[Any] = [[], 5, {"a": 1}]
Change = Callable[[Header], object]
CHANGES: list[tuple[Change, str]] = [
    *((lambda h, v=values: h[BIAS].update(data_offsets=v), "is damaged") for values in (
        [0, 12], [-12, 0], [10**6, 10**6 + 12], [12, 0], [0, 0], [0.0, 12.0], [0], ["x\n" * 9, 12], [2**64 - 12, 2**64],
        None)),
    (lambda h: h[BIAS].pop("data_offsets"), "is damaged"),
    (lambda h: h["lstm.bias_ih_l0"].update(data_offsets=h["lstm.bias_hh_l0"]["data_offsets"]), "is damaged"),
    *((lambda h, v=shape: h[BIAS].update(shape=v), "is damaged") for shape in SHAPES),
    *((lambda h, v=shape: h[BIAS].update(shape=v), f"{BIAS} has shape {shape}") for shape in ([3, 1], [1, 3])),
    *((lambda h, v=dtype: h[BIAS].update(dtype=v), "") for dtype in ("I8", "F64", "BF16", "f32", 32, ["F32"], None)),
    *((lambda h, v=dtype: h[BIAS].update(dtype=v), f"{BIAS} has dtype") for dtype in ("I32", "U32")),
    (lambda h: h.update({"x": h.pop(BIAS)}), f"lacks the tensor '{BIAS}'"),
    *((lambda h, v=entry: h.update({BIAS: v}), "is damaged") for entry in (None, 5, "x", {}, {"shape": [3]})),
    *((lambda h, v=metadata: h.update(__metadata__=v), "is damaged") for metadata in METADATA),
    *((lambda h, v=count: h.update({f"x\n{i}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
                                    for i in range(v)}), "") for count in (300, 10_000)),
]  # fmt: skip


@pytest.mark.parametrize("at", range(len(CHANGES)))
def test_a_wrong_header_is_refused(folder, at):
    change, words = CHANGES[at]
    changed_header(folder, change)
    check_refused(folder, WEIGHTS, words)


def test_a_gap_between_tensors_is_refused(folder):
    header, payload = split((folder / WEIGHTS).read_bytes())
    last = max((name for name in header if name != "__metadata__"), key=lambda name: header[name]["data_offsets"])
    begin, end = header[last]["data_offsets"]
    header[last]["data_offsets"] = [begin + 8, end + 8]
    rewrite(folder, WEIGHTS, join(header, payload[:begin] + bytes(8) + payload[begin:]))
    check_refused(folder, WEIGHTS)


@pytest.mark.parametrize(
    "header",
    [
        *(b"[]", b"null", b"{", b"", b"{'a': 1}", b'{"a": NaN}', b"[" * 100_000, b'{"a":' * 100_000, b"\xff{}"),
        *("{}".encode("utf-16"), b"\xef\xbb\xbf{}", b'{"a": ' + b"9" * 5000 + b"}", b"{}", b'{"__metadata__": {}}'),
    ],
)
def test_a_header_that_is_not_plain_json_of_tensors_is_refused(folder, header):
    rewrite(folder, WEIGHTS, join(header, bytes(64)))
    check_refused(folder, WEIGHTS)


@pytest.mark.parametrize(
    ("value", "dtype", "words"),
    [
        (float("nan"), "float32", "holds NaN or infinity"),
        (float("inf"), "bfloat16", "holds NaN or infinity"),
        (-1.01e6, "float32", "over the 1,000,000 that is allowed"),  # 1e38 is finite, but sums with it are not
    ],
)
def test_weights_from_which_no_text_can_be_generated_are_refused(folder, value, dtype, words):
    tiny_model("ab\n", hidden=3, layers=1).save_pretrained(folder, dtype=dtype)
    data = (folder / WEIGHTS).read_bytes()
    raw = torch.tensor([value], dtype=getattr(torch, dtype)).view(torch.uint8).numpy().tobytes()
    rewrite(folder, WEIGHTS, data[: -len(raw)] + raw)
    check_refused(folder, words)


def test_a_model_with_the_largest_allowed_weights_generates(tmp_path: Path):
    lm = tiny_model()
    for i, weight in enumerate(lm.network.parameters()):
        weight.fill_(1e6 if i % 2 else -1e6)
    lm.save_pretrained(tmp_path)
    loaded = CharLSTM.from_pretrained(tmp_path)
    for precision in ("int8", "float32"):
        for temperature in (0, 1e-300, 0.8, 5):
            assert len(generate(loaded, "abc", 20, seed=1, temperature=temperature, precision=precision)) == 20
