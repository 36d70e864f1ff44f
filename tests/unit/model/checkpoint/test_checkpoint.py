"""A folder may come from anyone: whatever is wrong with it is one clear line, before anything is built from it.

`rewrite` lays a changed file and makes the manifest fit it again, so that each test meets the check it is about.
"""

from __future__ import annotations

import gzip
import json
import os
import pickle
import re
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from model import CharLSTM, CharTokenizer, ChatFormat, CheckpointError, generate
from model.checkpoint.format import FORMAT_VERSION
from model.checkpoint.names import CONFIG, MANIFEST, MODEL_FILES, WEIGHTS
from model.checkpoint.read import read_checkpoint
from model.checkpoint.verify import check_manifest
from model.checkpoint.write import write_checkpoint, write_manifest
from tests.support.tiny_models import ALPHABET, tiny_model, tiny_network

Header = dict[str, Any]


@pytest.fixture(autouse=True)
def _no_sync(monkeypatch) -> None:
    """These files need not outlive a power cut, and waiting for a disk a thousand times takes long."""
    monkeypatch.setattr("os.fsync", lambda _: None)


@pytest.fixture
def folder(tmp_path) -> Path:
    """A good checkpoint, a few kilobytes."""
    tiny_model("ab\n", hidden=3, layers=1).save_pretrained(tmp_path / "good")
    return tmp_path / "good"


def rewrite(folder: Path, name: str, data: bytes) -> None:
    (folder / name).write_bytes(data)
    if name != MANIFEST:
        write_manifest(folder, (CONFIG, WEIGHTS))


def check_refused(folder: Path, *told: str) -> str:
    """Loading must fail with one line that says what it should, names no path, and comes before any network."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("model.char_lstm.LSTMNetwork", lambda *_: pytest.fail("a network was built"))
        with pytest.raises(CheckpointError) as caught:
            CharLSTM.from_pretrained(folder)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 250
    assert str(folder.parent) not in message
    for part in told:
        assert part in message
    return message


def changed_config(folder: Path, **changes: Any) -> None:
    config = json.loads((folder / CONFIG).read_bytes())
    rewrite(folder, CONFIG, json.dumps({**config, **changes}).encode())


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


# what is good comes back


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_a_checkpoint_comes_back_as_it_was_written(tmp_path, dtype):
    lm = tiny_model()
    written = lm.checkpoint()
    write_checkpoint(tmp_path, written, dtype=dtype)
    read = read_checkpoint(tmp_path)
    assert read.config == written.config
    assert read.tokenizer.vocab == written.tokenizer.vocab
    assert read.training == written.training
    for name, tensor in written.weights.items():
        assert read.weights[name].dtype == getattr(torch, dtype)
        assert torch.equal(read.weights[name], tensor.to(getattr(torch, dtype)))


def test_the_files_are_what_the_format_says(tmp_path):
    """Names, order and layout are read by other programs; they change with format_version only."""
    tiny_model("ba\n", hidden=3, layers=2).save_pretrained(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(MODEL_FILES)
    config = json.loads((tmp_path / CONFIG).read_text(encoding="utf-8"))
    assert config == {
        "format_version": 1,
        "model_type": "char-lstm",
        "embedding_size": 5,
        "hidden_size": 3,
        "num_layers": 2,
        "vocab": ["\n", "a", "b"],
        "training": {"corpus": "none", "steps": 0},
    }
    assert FORMAT_VERSION == 1
    header, _ = split((tmp_path / WEIGHTS).read_bytes())
    assert header.pop("__metadata__") == {"format": "pt"}
    assert {name: (entry["dtype"], entry["shape"]) for name, entry in header.items()} == {
        "embedding.weight": ("F32", [3, 5]),
        "lstm.weight_ih_l0": ("F32", [12, 5]),
        "lstm.weight_hh_l0": ("F32", [12, 3]),
        "lstm.bias_ih_l0": ("F32", [12]),
        "lstm.bias_hh_l0": ("F32", [12]),
        "lstm.weight_ih_l1": ("F32", [12, 3]),
        "lstm.weight_hh_l1": ("F32", [12, 3]),
        "lstm.bias_ih_l1": ("F32", [12]),
        "lstm.bias_hh_l1": ("F32", [12]),
        "output.weight": ("F32", [3, 3]),
        "output.bias": ("F32", [3]),
    }
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    assert sorted(manifest["sha256"]) == [CONFIG, WEIGHTS]


def test_the_same_model_gives_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        tiny_model().save_pretrained(tmp_path / name)
    for name in MODEL_FILES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_any_alphabet_survives(tmp_path):
    alphabet = '\n\t\x00"\\é\u2028\u202e😀<b>\u0301'
    tiny_model(alphabet).save_pretrained(tmp_path)
    assert read_checkpoint(tmp_path).tokenizer.vocab == CharTokenizer.from_text(alphabet).vocab


def test_other_files_are_left_alone(tmp_path):
    (tmp_path / "README.md").write_text("mine")
    tiny_model().save_pretrained(tmp_path)
    assert (tmp_path / "README.md").read_text() == "mine"
    (tmp_path / "README.md").write_text("edited on the Hub")
    (tmp_path / "extra.bin").write_bytes(b"unread")
    assert read_checkpoint(tmp_path).config.hidden_size == 12


@pytest.mark.parametrize("header_size", [640, 896, 1152, 1408])
def test_a_header_whose_length_looks_like_a_pickle_is_read(folder, header_size):
    """The first bytes of such a file are 80 02 … 80 05, as those of a pickle are."""
    header, payload = split((folder / WEIGHTS).read_bytes())
    text = json.dumps(header).encode().ljust(header_size)
    assert len(text) == header_size
    rewrite(folder, WEIGHTS, join(text, payload))
    assert read_checkpoint(folder).config.hidden_size == 3


def test_non_finite_or_foreign_weights_are_not_written(tmp_path):
    network = tiny_network(3, hidden=3, layers=1)
    checkpoint = CharLSTM(network, CharTokenizer.from_text("ab\n")).checkpoint()
    for name, tensor in (
        ("output.bias", torch.full((3,), torch.nan)),
        ("output.bias", torch.zeros(4)),
        ("x", torch.zeros(1)),
    ):
        weights = {**checkpoint.weights, name: tensor}
        with pytest.raises(CheckpointError):
            write_checkpoint(tmp_path / "bad", replace(checkpoint, weights=weights))
    assert not (tmp_path / "bad").exists()


def test_weights_too_large_for_float16_are_refused_not_made_infinite(tmp_path):
    lm = tiny_model()
    lm.network.output.bias[0] = 1e5
    with pytest.raises(CheckpointError, match=r"output\.bias holds NaN or infinity"):
        lm.save_pretrained(tmp_path / "half", dtype="float16")
    lm.save_pretrained(tmp_path / "bfloat", dtype="bfloat16")


@pytest.mark.parametrize("dtype", ["int8", "float64", "", None, "torch.float32"])
def test_an_unknown_dtype_is_refused(tmp_path, dtype):
    with pytest.raises(ValueError, match="it must be one of float32, bfloat16, float16"):
        tiny_model().save_pretrained(tmp_path / "x", dtype=dtype)


# weights: the file as a whole


@pytest.mark.parametrize("size", range(10))
def test_a_file_of_a_few_bytes_is_refused(folder, size):
    for byte in (b"\x00", b"\xff", b"{", b"\x80"):
        rewrite(folder, WEIGHTS, byte * size)
        check_refused(folder, WEIGHTS)


@pytest.mark.parametrize("length", [0, 1, 2, 2**20 + 1, 100 * 2**20, 2**31, 2**32, 2**63, 2**64 - 1])
def test_a_false_header_length_is_refused(folder, length):
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
    ("content", "told"),
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
def test_other_things_under_the_name_of_the_weights_are_named(folder, content, told):
    rewrite(folder, WEIGHTS, content)
    check_refused(folder, WEIGHTS, told)


def test_what_torch_save_writes_is_named_and_never_opened(folder, tmp_path):
    torch.save({"a": torch.zeros(2)}, tmp_path / "weights.pt")
    rewrite(folder, WEIGHTS, (tmp_path / "weights.pt").read_bytes())
    check_refused(folder, WEIGHTS, "zip archive", "may hold code")
    rewrite(folder, WEIGHTS, some_zip(tmp_path / "some.zip"))
    check_refused(folder, WEIGHTS, "zip archive")


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, ("pickle-was-opened",))


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.pth", "model.ckpt", "cv/lm.t7", "model.h5"])
def test_a_folder_of_pickles_only_is_refused_unopened(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    only = tmp_path / "only"
    only.mkdir()
    (only / Path(name).name).write_bytes(pickle.dumps(Bomb()))
    check_refused(only, Path(name).name, "may hold code and is not opened")
    assert not (tmp_path / "pickle-was-opened").exists()


def test_pickles_beside_a_config_are_not_taken_for_weights(folder, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (folder / WEIGHTS).unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb()))
    check_refused(folder, f"{WEIGHTS} is missing")
    assert not (tmp_path / "pickle-was-opened").exists()


def test_one_flipped_bit_is_found(folder):
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
def test_false_offsets_are_refused(folder, wrong):
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
def test_a_false_shape_is_refused(folder, shape):
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


def test_a_smaller_dtype_than_the_bytes_is_refused(folder):
    changed_header(folder, lambda header: header["output.bias"].update(dtype="BF16"))
    check_refused(folder, WEIGHTS)


@pytest.mark.parametrize("name", tiny_network(3, hidden=3, layers=1).state_dict())
def test_each_missing_tensor_is_named(folder, name):
    changed_header(folder, lambda header: header.pop(name))
    check_refused(folder, f"{WEIGHTS} lacks the tensor '{name}'")


@pytest.mark.parametrize("name", ["lstm.weight_ih_l1", "", "x" * 10_000, "\n\n", "\ud800", "embedding.weight "])
def test_an_extra_tensor_is_named(folder, name):
    changed_header(folder, lambda header: header.update({name: header["output.bias"]}))
    check_refused(folder, f"{WEIGHTS} has an unknown tensor")


def test_no_tensors_at_all_are_refused(folder):
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
def test_metadata_that_is_no_map_of_texts_is_refused(folder, metadata):
    changed_header(folder, lambda header: header.update(__metadata__=metadata))
    check_refused(folder, WEIGHTS)


def test_any_metadata_of_texts_is_ignored(folder):
    changed_header(folder, lambda header: header.update(__metadata__={"format": "np", "auto_map": "evil.py"}))
    assert read_checkpoint(folder).config.hidden_size == 3


@pytest.mark.parametrize("count", [300, 3000, 100_000])
def test_a_great_many_tensors_are_refused(folder, count):
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
    """Found by damaging checkpoints at random: 1e38 is finite, and no sum with it is."""
    data = bytearray((folder / WEIGHTS).read_bytes())
    data[-4:] = struct.pack("<f", value)
    rewrite(folder, WEIGHTS, bytes(data))
    check_refused(folder, WEIGHTS, "over the 1,000,000 that is allowed")
    lm = tiny_model()
    lm.network.output.weight[3, 3] = value
    with pytest.raises(CheckpointError, match=r"output\.weight holds"):
        lm.save_pretrained(tmp_path / "not")


def test_the_largest_weights_allowed_still_write(tmp_path):
    lm = tiny_model()
    for i, weight in enumerate(lm.network.parameters()):
        weight.fill_(1e6 if i % 2 else -1e6)
    lm.save_pretrained(tmp_path)
    loaded = CharLSTM.from_pretrained(tmp_path)
    for precision in ("int8", "float32"):
        for temperature in (0, 1e-300, 0.8, 5):
            assert len(generate(loaded, "abc", 20, seed=1, temperature=temperature, precision=precision)) == 20


# config.json

SIZES = ["embedding_size", "hidden_size", "num_layers"]
ABSURD = [0, -1, 2.5, 8.0, "8", True, False, None, [8], {}, 10**9, 20_000, 10**6, 10**30, -(10**30)]


@pytest.mark.parametrize("value", ABSURD)
@pytest.mark.parametrize("name", SIZES)
def test_an_absurd_size_is_refused_before_the_weights_are_read(folder, name, value):
    changed_config(folder, **{name: value})
    (folder / WEIGHTS).unlink()
    check_refused(folder, f"{CONFIG}: {name} is ", "it must be a whole number from 1 to ")


def test_a_network_too_large_as_a_whole_is_refused_before_the_weights_are_read(folder):
    changed_config(folder, hidden_size=8192, num_layers=32, embedding_size=8192)
    (folder / WEIGHTS).unlink()
    check_refused(folder, CONFIG, "parameters", "at most 500,000,000")


@pytest.mark.parametrize("vocab", [["\n", "a"], ["\n", "a", "b", "c"]])
def test_a_vocabulary_that_is_not_the_embeddings_is_refused(folder, vocab):
    changed_config(folder, vocab=vocab)
    check_refused(folder, WEIGHTS, "embedding.weight has shape [3, 5]", f"config.json says [{len(vocab)}, 5]")


@pytest.mark.parametrize("name", ["embedding_size", "hidden_size", "num_layers", "vocab", "training"])
def test_each_missing_field_is_named(folder, name):
    config = json.loads((folder / CONFIG).read_bytes())
    del config[name]
    rewrite(folder, CONFIG, json.dumps(config).encode())
    check_refused(folder, f"{CONFIG} lacks the field '{name}'")


@pytest.mark.parametrize(
    "name", ["dropout", "auto_map", "architectures", "trust_remote_code", "", "x" * 10_000, "a\nb"]
)
def test_an_unknown_field_is_refused_so_no_code_is_ever_named(folder, name):
    changed_config(folder, **{name: {"AutoModel": "evil.Model"}})
    (folder / "evil.py").write_text("raise SystemExit('code was run')")
    check_refused(folder, f"{CONFIG} has an unknown field")


CHAT = {"prefix": "a", "suffix": "\nb", "stop": "\n"}


def test_how_a_model_is_talked_to_is_kept(folder, tmp_path):
    changed_config(folder, chat=CHAT)
    lm = CharLSTM.from_pretrained(folder)
    assert lm.chat == ChatFormat("a", "\nb", "\n")
    lm.save_pretrained(tmp_path / "again")
    assert CharLSTM.from_pretrained(tmp_path / "again").chat == lm.chat
    lm.chat = None
    lm.save_pretrained(tmp_path / "again")
    assert "chat" not in json.loads((tmp_path / "again" / CONFIG).read_bytes())


@pytest.mark.parametrize(
    ("chat", "told"),
    [
        (None, "chat must be an object of prefix, suffix and stop"),
        ("a: ", "chat must be an object"),
        ([CHAT], "chat must be an object"),
        ({}, "chat must be an object"),
        ({"prefix": "a", "suffix": "b"}, "chat must be an object"),
        ({**CHAT, "template": "{{ __import__('os') }}"}, "chat must be an object"),
        ({**CHAT, "prefix": None}, "chat prefix is None: it must be a text of at most 100 characters"),
        ({**CHAT, "suffix": 7}, "chat suffix is 7: it must be"),
        ({**CHAT, "suffix": ["b"]}, "chat suffix is ['b']: it must be"),
        ({**CHAT, "stop": True}, "chat stop is True: it must be"),
        ({**CHAT, "stop": "a" * 101}, "chat stop is 'aaa"),
        ({**CHAT, "prefix": "a" * 10**6}, "chat prefix is 'aaa"),
        ({**CHAT, "stop": ""}, "chat stop is empty"),
        ({**CHAT, "prefix": "c"}, "chat prefix has characters that are not in vocab"),
        ({**CHAT, "suffix": "\ud800"}, "chat suffix has characters that are not in vocab"),
    ],
)
def test_a_chat_that_is_none_is_refused(folder, chat, told):
    changed_config(folder, chat=chat)
    check_refused(folder, f"{CONFIG}: {told}")


@pytest.mark.parametrize("version", [0, 2, 99, -1, 1.0, "1", True, None, [1], 10**30])
def test_another_format_version_is_refused(folder, version):
    changed_config(folder, format_version=version)
    told = check_refused(folder, f"{CONFIG}: format_version is ")
    assert ("update char-lstm" in told) == (type(version) is int and version > 1)


@pytest.mark.parametrize("model_type", ["lstm", "bert", "", None, 5, ["char-lstm"], "x" * 10_000, "\n"])
def test_another_model_type_is_refused(folder, model_type):
    changed_config(folder, model_type=model_type)
    check_refused(folder, f"{CONFIG}: model_type is ", "not 'char-lstm'")


@pytest.mark.parametrize("training", [None, [], "x", 5])
def test_a_training_summary_that_is_no_object_is_refused(folder, training):
    changed_config(folder, training=training)
    check_refused(folder, f"{CONFIG}: training must be an object")


@pytest.mark.parametrize(
    ("vocab", "told"),
    [
        ([], "0 entries"),
        (["a", "b", "a"], "twice"),
        (["a", "bc", "d"], "'bc'"),
        (["a", "", "b"], "''"),
        (["a", "\ud800", "b"], "surrogate"),
        (["a", 5, "b"], "5"),
        (["a", None, "b"], "None"),
        (["a", ["b"], "c"], "each must be one character"),
        ({"a": 0, "b": 1, "c": 3}, "must be a list"),
        ("abc", "must be a list"),
        (None, "must be a list"),
        (["a"] * 1_200_000, "1,200,000 entries"),
    ],
)
def test_a_bad_vocabulary_is_refused(folder, vocab, told):
    changed_config(folder, vocab=vocab)
    check_refused(folder, f"{CONFIG}: vocab", told)


def test_a_vocabulary_of_ten_million_entries_is_not_parsed(folder, monkeypatch):
    monkeypatch.setattr("model.checkpoint.format.parse_json", lambda *_: pytest.fail("it was parsed"))
    (folder / CONFIG).write_bytes(b'{"vocab": [' + b'"a",' * 10**7 + b'"b"]}')
    check_refused(folder, f"{CONFIG} is larger than")


def test_a_config_of_a_hundred_megabytes_is_not_read_whole(folder):
    with (folder / CONFIG).open("ab") as file:
        file.truncate(100 * 2**20)
    tracemalloc.start()
    check_refused(folder, f"{CONFIG} is larger than")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50 * 2**20


def config_text(folder: Path, old: str, new: str) -> bytes:
    text = json.dumps(json.loads((folder / CONFIG).read_bytes()))
    assert old in text
    return text.replace(old, new).encode("utf-8", "surrogatepass")


def test_a_key_that_stands_twice_is_refused(folder):
    rewrite(folder, CONFIG, config_text(folder, '"hidden_size": 3', '"hidden_size": 3, "hidden_size": 4'))
    check_refused(folder, CONFIG, "'hidden_size' occurs twice")


def test_a_key_that_stands_twice_among_many_is_found_quickly(folder):
    """Looking each key up in the list of all took time that grew with its square: hours for this file."""
    many = ", ".join(f'"k{i}": 0' for i in range(300_000)) + ', "k299999": 1'
    rewrite(folder, CONFIG, config_text(folder, '"steps": 0', many))
    check_refused(folder, CONFIG, "'k299999' occurs twice")


@pytest.mark.parametrize("unit", ["[], ", "{}, "])
def test_a_file_that_would_fill_the_memory_is_refused_before_it_is_parsed(folder, unit):
    rewrite(folder, CONFIG, config_text(folder, '"steps": 0', f'"steps": [{unit * 3_000_000} 0]'))
    tracemalloc.start()
    check_refused(folder, f"{CONFIG} holds more than 10,000 lists and objects")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 * 2**20


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity"])
def test_what_is_not_json_in_json_is_refused(folder, literal):
    rewrite(folder, CONFIG, config_text(folder, '"steps": 0', f'"steps": {literal}'))
    check_refused(folder, CONFIG, literal)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"{}",
        b"[]",
        b"null",
        b"5",
        b"not json",
        b"\x00" * 100,
        b"\xff\xfe{}",
        b'{"a": "\xe9"}',
        b"\xef\xbb\xbf{}",
        '{"model_type": "char-lstm"}'.encode("utf-16"),
        b'{"a": 1} trailing',
        b'{"a": "\n"}',
        b'{"hidden_size": ' + b"9" * 5000 + b"}",
        b"<!doctype html><title>Sign in</title>",
        b"version https://git-lfs.github.com/spec/v1\n",
    ],
)
def test_a_config_that_is_not_a_strict_json_object_is_refused(folder, data):
    rewrite(folder, CONFIG, data)
    check_refused(folder, CONFIG)


def test_a_byte_order_mark_is_refused(folder):
    rewrite(folder, CONFIG, b"\xef\xbb\xbf" + (folder / CONFIG).read_bytes())
    check_refused(folder, CONFIG)


@pytest.mark.parametrize("place", ['"steps": 0', '"char-lstm"', '"a", ', '"hidden_size": 3', '"format_version": 1'])
@pytest.mark.parametrize("depth", [100, 300, 900, 950, 980, 990, 995, 1000, 5000, 100_000])
def test_deep_nesting_anywhere_is_never_a_recursion_error(folder, place, depth):
    nested = "[" * depth + "]" * depth
    new = {
        '"steps": 0': f'"steps": {nested}, "k": {nested}',
        '"char-lstm"': nested,
        '"a", ': f"{nested}, ",
        '"hidden_size": 3': f'"hidden_size": {nested}',
        '"format_version": 1': f'"format_version": {nested}',
    }[place]
    rewrite(folder, CONFIG, config_text(folder, place, new))
    if place == '"steps": 0' and depth < 1000:
        try:
            lm = CharLSTM.from_pretrained(folder)
        except CheckpointError:
            return
        lm.save_pretrained(folder)
    else:
        check_refused(folder, CONFIG)


# manifest.json


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS])
def test_a_file_the_manifest_does_not_list_is_refused(folder, name):
    hashes = json.loads((folder / MANIFEST).read_bytes())
    del hashes["sha256"][name]
    rewrite(folder, MANIFEST, json.dumps(hashes).encode())
    check_refused(folder, f"{MANIFEST} does not list {name}")


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS])
@pytest.mark.parametrize("wrong", ["", "0" * 64, "é"])
def test_a_file_that_is_not_the_listed_one_is_refused(folder, name, wrong):
    hashes = json.loads((folder / MANIFEST).read_bytes())
    hashes["sha256"][name] = wrong
    rewrite(folder, MANIFEST, json.dumps(hashes).encode())
    check_refused(folder, name, "SHA-256")


@pytest.mark.parametrize(
    "manifest",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'{"sha256": []}',
        b'{"sha256": {"config.json": 5}}',
        b'{"sha256": null}',
        b"\xff",
        b"[" * 100_000,
        b" " * (2 << 20),
    ],
)
def test_a_manifest_that_is_none_is_refused(folder, manifest):
    rewrite(folder, MANIFEST, manifest)
    check_refused(folder, MANIFEST)


def test_an_edited_config_is_noticed(folder):
    text = (folder / CONFIG).read_text()
    (folder / CONFIG).write_text(text.replace('"steps": 0', '"steps": 9'))
    check_refused(folder, CONFIG, "SHA-256")


def test_a_manifest_covers_other_files_too(folder):
    (folder / "notes.json").write_bytes(b"{}")
    write_manifest(folder, (*MODEL_FILES[:2], "notes.json"))
    manifest = (folder / MANIFEST).read_bytes()
    check_manifest(manifest, {"notes.json": b"{}"})
    with pytest.raises(CheckpointError, match=re.escape("notes.json is not the file")):
        check_manifest(manifest, {"notes.json": b"{ }"})
    assert read_checkpoint(folder).config.hidden_size == 3


# the folder


@pytest.mark.parametrize("name", [WEIGHTS, MANIFEST])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    check_refused(folder, f"{name} is missing")


def test_an_empty_folder_or_a_missing_one_is_told_apart(tmp_path):
    (tmp_path / "empty").mkdir()
    check_refused(tmp_path / "empty", f"{CONFIG} is missing: this is not a char-lstm checkpoint")
    with pytest.raises(CheckpointError, match="there is no folder"):
        CharLSTM.from_pretrained(tmp_path / "nowhere")
    with pytest.raises(CheckpointError, match="there is no checkpoint folder named 'nowhere'"):
        read_checkpoint(tmp_path / "nowhere")


@pytest.mark.parametrize("name", MODEL_FILES)
def test_a_link_out_of_the_folder_is_not_followed(folder, tmp_path, name):
    (tmp_path / "outside").write_bytes((folder / name).read_bytes())
    (folder / name).unlink()
    (folder / name).symlink_to(tmp_path / "outside")
    check_refused(folder, f"{name} is a link out of the checkpoint's folder")
    (folder / name).unlink()
    (folder / name).symlink_to(Path("..") / "outside")
    check_refused(folder, f"{name} is a link out of the checkpoint's folder")


def test_a_folder_called_snapshots_opens_no_way_out(folder, tmp_path):
    """In the Hub's cache links lead to the blobs of the same repo; to nothing else, there as elsewhere."""
    snapshot = tmp_path / "cache" / "repo" / "snapshots" / "abc"
    snapshot.parent.mkdir(parents=True)
    folder.rename(snapshot)
    blobs = tmp_path / "cache" / "repo" / "blobs"
    blobs.mkdir()
    (snapshot / WEIGHTS).rename(blobs / "1234")
    (snapshot / WEIGHTS).symlink_to(Path("../../blobs/1234"))
    assert read_checkpoint(snapshot).config.hidden_size == 3
    for place in (tmp_path / "cache" / "secret", tmp_path / "cache" / "repo" / "secret", snapshot.parent / "secret"):
        (snapshot / WEIGHTS).unlink()
        place.write_bytes((blobs / "1234").read_bytes())
        (snapshot / WEIGHTS).symlink_to(place)
        check_refused(snapshot, f"{WEIGHTS} is a link out of the checkpoint's folder")


def test_a_link_within_the_folder_is_a_file_like_any_other(folder):
    (folder / WEIGHTS).rename(folder / "other")
    (folder / WEIGHTS).symlink_to("other")
    assert read_checkpoint(folder).config.hidden_size == 3


@pytest.mark.parametrize("name", MODEL_FILES)
def test_what_is_no_file_is_refused(folder, name):
    (folder / name).unlink()
    os.mkfifo(folder / name)
    check_refused(folder, f"{name} is not a file")
    (folder / name).unlink()
    (folder / name).mkdir()
    check_refused(folder, f"{name} is not a file")


@pytest.mark.parametrize("name", MODEL_FILES)
def test_a_link_to_itself_or_to_nothing_is_refused(folder, name):
    for target in (name, "nothing"):
        (folder / name).unlink()
        (folder / name).symlink_to(target)
        check_refused(folder, name)


def test_files_replaced_while_in_use_change_nothing(folder):
    lm = CharLSTM.from_pretrained(folder)
    before = generate(lm, "ab", 100, seed=1)
    for name in MODEL_FILES:
        (folder / name).write_bytes(b"\xff" * 10_000)
    assert generate(lm, "ab", 100, seed=1) == before
    tiny_model("ab\n", hidden=3, layers=1, seed=9).save_pretrained(folder)
    assert generate(lm, "ab", 100, seed=1) == before
    assert generate(CharLSTM.from_pretrained(folder), "ab", 100, seed=1) != before


def test_files_of_two_checkpoints_do_not_go_together(folder, tmp_path):
    tiny_model("ab\n", hidden=3, layers=1, seed=9).save_pretrained(tmp_path / "other")
    (folder / WEIGHTS).write_bytes((tmp_path / "other" / WEIGHTS).read_bytes())
    check_refused(folder, f"{WEIGHTS} is not the file that {MANIFEST} describes")


def test_the_alphabet_of_the_tests_is_known():
    assert len(set(ALPHABET)) == len(ALPHABET)
