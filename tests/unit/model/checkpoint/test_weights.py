"""Damaged or hostile model.safetensors: refused with one clear line before a network is built."""

from __future__ import annotations

import gzip
import os
import pickle
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from model import CharLSTM, CheckpointError, generate
from model.checkpoint.names import WEIGHTS
from model.checkpoint.read import read_checkpoint
from tests.support.checkpoint_files import Header, changed_config, changed_header, check_refused, join, rewrite, split
from tests.support.tiny_models import tiny_model, tiny_network


@pytest.mark.parametrize("size", range(10))
def test_a_file_of_a_few_bytes_is_refused(folder, size):
    for byte in (b"\x00", b"\xff", b"{", b"\x80"):
        rewrite(folder, WEIGHTS, byte * size)
        check_refused(folder, WEIGHTS)


@pytest.mark.parametrize("length", [0, 1, 2, 2**20 + 1, 100 * 2**20, 2**31, 2**32, 2**63, 2**64 - 1])
def test_a_wrong_header_length_is_refused(folder, length):
    data = (folder / WEIGHTS).read_bytes()
    rewrite(folder, WEIGHTS, struct.pack("<Q", length) + data[8:])
    check_refused(folder, WEIGHTS)


def test_a_header_one_byte_longer_or_shorter_is_refused(folder):
    data = (folder / WEIGHTS).read_bytes()
    size = int.from_bytes(data[:8], "little")
    for wrong in (size - 1, size + 1, len(data) - 8, len(data) - 7):
        rewrite(folder, WEIGHTS, struct.pack("<Q", wrong) + data[8:])
        check_refused(folder, WEIGHTS)


def test_a_file_cut_anywhere_is_refused(folder):
    data = (folder / WEIGHTS).read_bytes()
    start = len(data) - len(split(data)[1])
    for cut in {*range(0, len(data), 17), 1, 7, 8, 9, start - 1, start, start + 1, len(data) - 1}:
        rewrite(folder, WEIGHTS, data[:cut])
        check_refused(folder, WEIGHTS)


@pytest.mark.parametrize("more", [b"\x00", b"x" * 8, b"\x00" * 4096])
def test_trailing_bytes_are_refused(folder, more):
    rewrite(folder, WEIGHTS, (folder / WEIGHTS).read_bytes() + more)
    check_refused(folder, WEIGHTS)


def test_a_huge_file_is_not_read(folder):
    with (folder / WEIGHTS).open("ab") as file:
        file.truncate(2**33)
    tracemalloc.start()
    check_refused(folder, WEIGHTS, "is larger than")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 32 * 2**20


def some_zip(path: Path) -> bytes:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.pkl", b"x")
    return path.read_bytes()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 13\n", "Git LFS pointer"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "web page"),
        (b"\n  <HTML><head></head></HTML>", "web page"),
        *((pickle.dumps({"a": [1.0] * 50}, protocol), "pickle") for protocol in (2, 3, 4, 5)),
        (b"PK\x03\x04" + b"\x14\x00" * 50, "zip archive"),
        (gzip.compress(b"weights" * 100, mtime=0), WEIGHTS),
        (b'{"weights": []}' * 10, WEIGHTS),
        (b"\x93NUMPY\x01\x00" * 10, WEIGHTS),
    ],
)
def test_an_error_names_the_type_of_another_file_in_place_of_the_weights(folder, content, words):
    rewrite(folder, WEIGHTS, content)
    check_refused(folder, WEIGHTS, words)


def test_a_file_of_torch_save_is_named_and_never_opened(folder, tmp_path):
    torch.save({"a": torch.zeros(2)}, tmp_path / "weights.pt")
    rewrite(folder, WEIGHTS, (tmp_path / "weights.pt").read_bytes())
    check_refused(folder, WEIGHTS, "zip archive", "may hold code")
    rewrite(folder, WEIGHTS, some_zip(tmp_path / "some.zip"))
    check_refused(folder, WEIGHTS, "zip archive")


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, ("pickle-was-opened",))


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.pth", "model.ckpt", "cv/lm.t7", "model.h5"])
def test_a_folder_of_pickles_is_refused_without_opening_one(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    only = tmp_path / "only"
    only.mkdir()
    (only / Path(name).name).write_bytes(pickle.dumps(Bomb()))
    check_refused(only, Path(name).name, "may hold code and is not opened")
    assert not (tmp_path / "pickle-was-opened").exists()


def test_a_pickle_beside_a_config_is_not_taken_for_weights(folder, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (folder / WEIGHTS).unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb()))
    check_refused(folder, f"{WEIGHTS} is missing")
    assert not (tmp_path / "pickle-was-opened").exists()


def test_a_single_changed_bit_is_refused(folder):
    data = (folder / WEIGHTS).read_bytes()
    start = len(data) - len(split(data)[1])
    for position in range(start, len(data), 11):
        flipped = bytearray(data)
        flipped[position] ^= 1
        (folder / WEIGHTS).write_bytes(flipped)
        check_refused(folder, WEIGHTS, "SHA-256")


# weights: the header


def offsets(header: Header, name: str, *values: object) -> None:
    header[name]["data_offsets"] = list(values)


OFFSETS: dict[str, Callable[[Header], object]] = {
    "overlap": lambda h: offsets(h, "output.bias", *h["embedding.weight"]["data_offsets"][:1] * 1, 12),
    "same place": lambda h: offsets(h, "lstm.bias_ih_l0", *h["lstm.bias_hh_l0"]["data_offsets"]),
    "negative": lambda h: offsets(h, "output.bias", -12, 0),
    "past the end": lambda h: offsets(h, "output.bias", 10**6, 10**6 + 12),
    "backwards": lambda h: offsets(h, "output.bias", *reversed(h["output.bias"]["data_offsets"])),
    "too long": lambda h: offsets(h, "output.bias", 0, 10**6),
    "empty": lambda h: offsets(h, "output.bias", 0, 0),
    "floats": lambda h: offsets(h, "output.bias", 0.0, 12.0),
    "texts": lambda h: offsets(h, "output.bias", "0", "12"),
    "one": lambda h: offsets(h, "output.bias", 0),
    "three": lambda h: offsets(h, "output.bias", 0, 12, 24),
    "a long text": lambda h: offsets(h, "output.bias", "x" * 5000, 12),
    "many lines": lambda h: offsets(h, "output.bias", "x\n" * 50, 12),
    "2^64": lambda h: offsets(h, "output.bias", 2**64 - 12, 2**64),
    "null": lambda h: h["output.bias"].update(data_offsets=None),
    "none": lambda h: h["output.bias"].pop("data_offsets"),
}


@pytest.mark.parametrize("wrong", OFFSETS)
def test_wrong_offsets_are_refused(folder, wrong):
    changed_header(folder, OFFSETS[wrong])
    check_refused(folder, WEIGHTS)


def test_a_gap_between_tensors_is_refused(folder):
    header, payload = split((folder / WEIGHTS).read_bytes())
    last = max((name for name in header if name != "__metadata__"), key=lambda name: header[name]["data_offsets"])
    begin, end = header[last]["data_offsets"]
    header[last]["data_offsets"] = [begin + 8, end + 8]
    rewrite(folder, WEIGHTS, join(header, payload[:begin] + bytes(8) + payload[begin:]))
    check_refused(folder, WEIGHTS)


@pytest.mark.parametrize(
    "shape",
    [
        [2**62, 0],
        [2**63],
        [2**32, 2**32],
        [0],
        [],
        [4],
        [3, 1],
        [-3],
        ["3"],
        [3.5],
        [[3]],
        [None],
        None,
        3,
        "3",
        {},
        [3.0],
        [True, 3],
        [10**400],
    ],
)
def test_a_wrong_shape_is_refused(folder, shape):
    changed_header(folder, lambda header: header["output.bias"].update(shape=shape))
    check_refused(folder, WEIGHTS)


def test_shapes_of_another_network_are_refused_before_loading(folder, monkeypatch):
    monkeypatch.setattr("model.checkpoint.read.load", lambda *_: pytest.fail("tensors were made"))
    changed_config(folder, hidden_size=4)
    check_refused(folder, WEIGHTS, "shape [12, 5]", "config.json says [16, 5]")


@pytest.mark.parametrize("dtype", ["I8", "U8", "BOOL", "F64", "I64", "F8_E4M3", "f32", "", None, 32, ["F32"], {}])
def test_a_wrong_dtype_is_refused_before_loading(folder, monkeypatch, dtype):
    monkeypatch.setattr("model.checkpoint.read.load", lambda *_: pytest.fail("tensors were made"))
    changed_header(folder, lambda header: header["output.bias"].update(dtype=dtype))
    check_refused(folder, WEIGHTS, "output.bias has dtype", "not F32, BF16 or F16")


def test_a_dtype_smaller_than_the_bytes_is_refused(folder):
    changed_header(folder, lambda header: header["output.bias"].update(dtype="BF16"))
    check_refused(folder, WEIGHTS)


@pytest.mark.parametrize("name", tiny_network(3, hidden=3, layers=1).state_dict())
def test_an_error_names_a_missing_tensor(folder, name):
    changed_header(folder, lambda header: header.pop(name))
    check_refused(folder, f"{WEIGHTS} lacks the tensor '{name}'")


@pytest.mark.parametrize("name", ["lstm.weight_ih_l1", "", "x" * 10_000, "\n\n", "\ud800", "embedding.weight "])
def test_an_unknown_tensor_is_refused(folder, name):
    changed_header(folder, lambda header: header.update({name: header["output.bias"]}))
    check_refused(folder, f"{WEIGHTS} has an unknown tensor")


def test_a_header_without_tensors_is_refused(folder):
    for header in (b"{}", b'{"__metadata__": {}}'):
        rewrite(folder, WEIGHTS, join(header, b""))
        check_refused(folder, f"{WEIGHTS} lacks the tensor")


@pytest.mark.parametrize("entry", [None, [], 5, "x", {}, {"shape": [3]}])
def test_an_entry_that_is_no_tensor_is_refused(folder, entry):
    changed_header(folder, lambda header: header.update({"output.bias": entry}))
    check_refused(folder, WEIGHTS, "output.bias")


@pytest.mark.parametrize(
    "header",
    [
        b"[]",
        b"null",
        b"5",
        b'"x"',
        b"{",
        b"",
        b"{'a': 1}",
        b'{"a": NaN}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"\xff{}",
        "{}".encode("utf-16"),
        b"\xef\xbb\xbf{}",
        b'{"a": 1, "a": 1}',
        b'{"a": ' + b"9" * 5000 + b"}",
    ],
)
def test_a_header_that_is_not_plain_json_is_refused(folder, header):
    rewrite(folder, WEIGHTS, join(header, bytes(64)))
    check_refused(folder, WEIGHTS)


@pytest.mark.parametrize("metadata", [5, [], {"a": 1}, {"a": None}, "x"])
def test_metadata_that_is_no_map_of_strings_is_refused(folder, metadata):
    changed_header(folder, lambda header: header.update(__metadata__=metadata))
    check_refused(folder, WEIGHTS)


def test_metadata_of_strings_is_ignored(folder):
    changed_header(folder, lambda header: header.update(__metadata__={"format": "np", "auto_map": "evil.py"}))
    assert read_checkpoint(folder).config.hidden_size == 3


@pytest.mark.parametrize("count", [300, 3000, 100_000])
def test_too_many_tensors_are_refused(folder, count):
    entry = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    changed_header(folder, lambda header: header.update({f"tensor{i}": entry for i in range(count)}))
    check_refused(folder, WEIGHTS)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_non_finite_weights_are_refused(folder, value, dtype):
    lm = tiny_model("ab\n", hidden=3, layers=1)
    lm.save_pretrained(folder, dtype=dtype)
    for name in ("embedding.weight", "lstm.bias_hh_l0", "output.weight"):
        data = bytearray((folder / WEIGHTS).read_bytes())
        header, payload = split(bytes(data))
        raw = torch.tensor([value], dtype=getattr(torch, dtype)).view(torch.uint8).numpy().tobytes()
        at = len(data) - len(payload) + header[name]["data_offsets"][1] - len(raw)
        data[at : at + len(raw)] = raw
        rewrite(folder, WEIGHTS, bytes(data))
        check_refused(folder, f"{name} holds NaN or infinity")
        lm.save_pretrained(folder, dtype=dtype)


@pytest.mark.parametrize("value", [1.01e6, -1e9, 3e38])
def test_finite_weights_that_would_overflow_are_refused(folder, tmp_path, value):
    """Found by random damage: 1e38 is finite, but sums with it are not."""
    data = bytearray((folder / WEIGHTS).read_bytes())
    data[-4:] = struct.pack("<f", value)
    rewrite(folder, WEIGHTS, bytes(data))
    check_refused(folder, WEIGHTS, "over the 1,000,000 that is allowed")
    lm = tiny_model()
    lm.network.output.weight[3, 3] = value
    with pytest.raises(CheckpointError, match=r"output\.weight holds"):
        lm.save_pretrained(tmp_path / "not")


def test_a_model_with_the_largest_allowed_weights_generates(tmp_path):
    lm = tiny_model()
    for i, weight in enumerate(lm.network.parameters()):
        weight.fill_(1e6 if i % 2 else -1e6)
    lm.save_pretrained(tmp_path)
    loaded = CharLSTM.from_pretrained(tmp_path)
    for precision in ("int8", "float32"):
        for temperature in (0, 1e-300, 0.8, 5):
            assert len(generate(loaded, "abc", 20, seed=1, temperature=temperature, precision=precision)) == 20
