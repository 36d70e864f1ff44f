"""Damaged or hostile model.safetensors: refused with one clear line before a network is built."""

from __future__ import annotations

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
from tests.support.checkpoint_files import Header, changed_header, check_refused, join, rewrite
from tests.support.tiny_models import tiny_model


def test_a_file_that_is_cut_or_another_one_is_refused(folder):
    data = (folder / WEIGHTS).read_bytes()
    page, archive = b"<!DOCTYPE html><html><body>Sign in</body></html>", b"PK\x03\x04" + b"\x14\x00" * 50
    lengths = [struct.pack("<Q", length) + data[8:] for length in (0, 2**20 + 1, 2**64 - 1)]
    headers = [join(header, bytes(64)) for header in (b"[]", b"{", b"{}", b"[" * 100_000)]
    parts = [data[:cut] for cut in (0, 1, 9, len(data) - 1)]
    for wrong in (*parts, data + b"\x00", page, archive, *lengths, *headers):
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
Change = Callable[[Header], object]
CHANGES: list[tuple[Change, str]] = [
    *((lambda h, v=values: h[BIAS].update(data_offsets=v), "is damaged") for values in ([0, 12], [12, 0], [0.0, 12.0])),
    (lambda h: h["lstm.bias_ih_l0"].update(data_offsets=h["lstm.bias_hh_l0"]["data_offsets"]), "is damaged"),
    *((lambda h, v=shape: h[BIAS].update(shape=v), "is damaged") for shape in ([2**62, 0], [2**63], [-3], None)),
    (lambda h: h[BIAS].update(shape=[3, 1]), f"{BIAS} has shape [3, 1]"),
    (lambda h: h[BIAS].update(dtype="I32"), f"{BIAS} has dtype"),
    (lambda h: h.update({"x": h.pop(BIAS)}), f"lacks the tensor '{BIAS}'"),
    (lambda h: h.update({"x\n": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}}), "has an unknown tensor"),
    (lambda h: h.update(__metadata__=5), "is damaged"),
]


@pytest.mark.parametrize("at", range(len(CHANGES)))
def test_a_wrong_header_is_refused(folder, at):
    change, words = CHANGES[at]
    changed_header(folder, change)
    check_refused(folder, WEIGHTS, words)


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
        for temperature in (0, 1e-300, 5):
            assert len(generate(loaded, "abc", 20, seed=1, temperature=temperature, precision=precision)) == 20
