"""Damaged or hostile files of a checkpoint: refused with one clear line before a network is built."""

import itertools
import json
import os
import pickle
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from model import CheckpointError, LSTMConfig
from model.checkpoint.names import CONFIG, MANIFEST, WEIGHTS
from model.checkpoint.read import read_checkpoint
from model.named_cells import cells_from_json
from tests.support.cells_files import INVALID
from tests.support.checkpoint_files import (
    DAMAGED_INT8,
    Header,
    changed_config,
    changed_header,
    changed_tensors,
    check_refused,
    join,
    rewrite,
)
from tests.support.tiny_models import tiny_model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A valid checkpoint of a few kilobytes."""
    tiny_model("ab\n", hidden=3, layers=1).save_pretrained(tmp_path / "good")
    return tmp_path / "good"


def test_missing_files_and_folders_have_different_errors(folder, tmp_path):
    for name in (WEIGHTS, MANIFEST):
        data = (folder / name).read_bytes()
        (folder / name).unlink()
        check_refused(folder, f"{name} is missing")
        (folder / name).write_bytes(data)
    (tmp_path / "empty").mkdir()
    check_refused(tmp_path / "empty", f"{CONFIG} is missing: this is not a char-lstm checkpoint")
    with pytest.raises(CheckpointError, match="there is no checkpoint folder named 'nowhere'"):
        read_checkpoint(tmp_path / "nowhere")


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS])
@pytest.mark.parametrize("wrong", [None, "0" * 64])
def test_a_file_that_the_manifest_does_not_list_with_its_hash_is_refused(folder, name, wrong):
    hashes = json.loads((folder / MANIFEST).read_bytes())
    hashes["sha256"][name] = wrong
    if wrong is None:
        del hashes["sha256"][name]
    rewrite(folder, MANIFEST, json.dumps(hashes).encode())
    check_refused(folder, f"{MANIFEST} does not list {name}" if wrong is None else f"{name} is not the file that")


NO_OBJECTS = [
    *(b"", b"null", b"[" * 100_000, b" " * (17 << 20), b"{", b"[]", b"\xff\xfe{}", b"\xef\xbb\xbf{}", b"<!doctype>"),
    *(b'{"a": %b}' % literal for literal in (b"NaN", b"-Infinity", b"1e999", b"9" * 5000)),
]
NO_HASHES = [b"{}", b'{"sha256": {"config.json": 5}}']


@pytest.mark.parametrize(
    ("name", "data"),
    [*itertools.product((CONFIG, MANIFEST), NO_OBJECTS), *((MANIFEST, data) for data in NO_HASHES)],
    ids=lambda each: str(each)[:30],
)
def test_what_is_not_a_strict_json_object_is_refused(folder, name, data):
    rewrite(folder, name, data)
    check_refused(folder, name)


CHAT = {"prefix": "a", "suffix": "\nb", "stop": "\n"}
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"hidden_size": 8192, "num_layers": 32}, "parameters: at most 500,000,000 are allowed"),  # see test_char_lstm.py
    ({"hidden_size": None}, "hidden_size is None"),
    *(({"chat": chat}, "chat must be an object of prefix, suffix and stop") for chat in (None, {"prefix": "a"})),
    ({"chat": {**CHAT, "prefix": "a" * 10**6}}, "chat prefix is 'aaa"),
    ({"chat": {**CHAT, "stop": ""}}, "chat stop is empty"),
    ({"chat": {**CHAT, "suffix": "\ud800"}}, "chat suffix has characters that are not in vocab"),
    *(({"format_version": version}, "format_version is ") for version in (0, True, None)),
    *(({"model_type": value}, "model_type is ") for value in ("bert", "x\n" * 9999)),
    *(({"training": value}, "training must be an object") for value in (None, "x")),
    ({"vocab": None}, "must be a list"),  # more in test_tokenizer.py
    *(({"rare": rare}, "rare is ") for rare in ["\u4e00", 5]),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "words"), WRONG, ids=lambda each: str(each)[:60])
def test_a_wrong_field_is_refused_before_the_weights_are_read(folder, changes: dict[str, Any], words: str):
    changed_config(folder, **changes)
    (folder / WEIGHTS).unlink()
    check_refused(folder, CONFIG, words)


@pytest.mark.parametrize("vocab", [["\n", "a"], ["\n", "a", "b", "c"]])
def test_a_vocabulary_of_another_size_than_the_embedding_is_refused(folder, vocab: list[str]):
    changed_config(folder, vocab=vocab)
    check_refused(folder, WEIGHTS, "embedding.weight has shape [3, 5]", f"config.json says [{len(vocab)}, 5]")


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


UNKNOWN = changed_tensors(lambda tensors: tensors.update({"a\nb": torch.zeros(2, 2, dtype=torch.int8)}))


@pytest.mark.parametrize("case", [*DAMAGED_INT8, "unknown"])
def test_a_damaged_int8_file_is_refused(folder, case: str):
    tiny_model().save_pretrained(folder, dtype="int8")
    damage, words, _ = {**DAMAGED_INT8, "unknown": (UNKNOWN, "unknown tensor 'a\\nb'", "")}[case]
    rewrite(folder, WEIGHTS, damage((folder / WEIGHTS).read_bytes()))
    check_refused(folder, WEIGHTS, words)


@pytest.mark.parametrize("at", range(len(INVALID)))
def test_invalid_passages_of_cells_are_refused(at: int):
    with pytest.raises(ValueError, match=r"^[^\n]{10,300}$"):
        cells_from_json(INVALID[at], LSTMConfig(50, 5, 100, 2))
