"""A checkpoint folder: config.json, model.safetensors, manifest.json, maybe cells.json. Written plainly, read strictly.

A folder may come from anyone. Everything is compared with what the config promises before it is believed, one
read of the bytes serves both the check and the loading, and no file that could hold code is ever opened.

Knows files, the network's sizes and the vocabulary; the Hub lives elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from ..chat import ChatFormat
from ..files import atomic_write, json_bytes
from ..lstm import LSTMConfig
from ..named_cells import Cell, cells_from_json, cells_to_json
from ..tokenizer import CharTokenizer, check_vocab
from .names import CELLS, CONFIG, MANIFEST, WEIGHTS

FORMAT_VERSION = 1
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

_SIZES = ("embedding_size", "hidden_size", "num_layers")
_FIELDS = {"format_version", "model_type", *_SIZES, "vocab", "training"}
_OPTIONAL = {"chat"}
_MAX_JSON = 16 << 20  # a vocabulary of every code point there is fits
_PICKLES = b"\x02\x03\x04\x05"  # the second byte: the protocol
_MAX_WEIGHT = 1e6  # trained weights stay below a hundred; from much larger ones sums overflow, and write nothing
_MAX_BRACKETS = 10_000  # each may become an object of its own, a hundred times as large as its two bytes
_MAX_HEADER = 1 << 20  # ours has some hundred bytes a layer


class CheckpointError(ValueError):
    """A folder is not a checkpoint that can be served. The message names the file and what is wrong with it."""


@dataclass(frozen=True)
class Checkpoint:
    """What a folder holds, checked.

    Attributes:
        config: the network's sizes.
        tokenizer: the vocabulary.
        weights: name to tensor as ``LSTMConfig.shapes`` lists them; finite, in the dtype of the file.
        training: what the trainer noted about how the model came to be; {} when nothing.
        chat: how it is talked to, if it has read conversations.
        cells: those that have a name.
    """

    config: LSTMConfig
    tokenizer: CharTokenizer
    weights: Mapping[str, Tensor]
    training: Mapping[str, Any]
    chat: ChatFormat | None = None
    cells: tuple[Cell, ...] = ()


def write_checkpoint(folder: Path | str, checkpoint: Checkpoint, *, dtype: str = "float32") -> None:
    """Writes its files into a folder, which is made if it is missing; others in it are left alone.

    Args:
        folder: where to.
        checkpoint: what.
        dtype: "float32", "bfloat16" or "float16": how the weights are stored.

    Raises:
        CheckpointError: the weights are not those of the config, or not finite in this dtype.
        ValueError: there is no such dtype.
        OSError: the folder cannot be written.
    """
    folder = Path(folder)
    if dtype not in DTYPES:
        raise ValueError(f"dtype is {dtype!r:.40}: it must be one of {', '.join(DTYPES)}")
    tensors = {name: t.detach().to("cpu", DTYPES[dtype]).contiguous() for name, t in checkpoint.weights.items()}
    _check_tensors(tensors, checkpoint.config)
    sizes = {name: size for name, size in asdict(checkpoint.config).items() if name in _SIZES}
    config = {
        "format_version": FORMAT_VERSION,
        "model_type": "char-lstm",
        **sizes,
        "vocab": list(checkpoint.tokenizer.vocab),
        **({"chat": asdict(checkpoint.chat)} if checkpoint.chat else {}),
        "training": dict(checkpoint.training),
    }
    files = {CONFIG: json_bytes(config), WEIGHTS: save(tensors, metadata={"format": "pt"})}
    if checkpoint.cells:
        files[CELLS] = json_bytes(cells_to_json(checkpoint.cells))
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        atomic_write(folder / name, data)
    write_manifest(folder, files)


def write_manifest(folder: Path, files: Iterable[str]) -> None:
    """Notes the SHA-256 of some of a folder's files in its manifest.json."""
    hashes = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in sorted(files)}
    atomic_write(folder / MANIFEST, json_bytes({"sha256": hashes}))


def write_cells(folder: Path, cells: Sequence[Cell]) -> None:
    """Gives a checkpoint folder the names of its cells, or takes them away if there are none.

    Raises:
        CheckpointError: the folder's manifest cannot be read.
        OSError: the folder cannot be written.
    """
    hashes = _parse_manifest(_read(folder, MANIFEST, _MAX_HEADER))
    hashes.pop(CELLS, None)  # what else it lists stays as it is: this does not vouch for it
    if cells:
        data = json_bytes(cells_to_json(cells))
        atomic_write(folder / CELLS, data)
        hashes[CELLS] = hashlib.sha256(data).hexdigest()
    atomic_write(folder / MANIFEST, json_bytes({"sha256": dict(sorted(hashes.items()))}))
    if not cells:
        (folder / CELLS).unlink(missing_ok=True)


def lists_cells(folder: Path | str) -> bool:
    """Whether a folder's manifest names cells.json.

    Raises:
        CheckpointError: the manifest cannot be read.
    """
    return CELLS in _parse_manifest(_read(Path(folder), MANIFEST, _MAX_HEADER))


def check_manifest(manifest: bytes, files: Mapping[str, bytes]) -> None:
    """Compares files with the hashes that a manifest notes.

    Raises:
        CheckpointError: one of them is not listed, or is not the file that is described.
    """
    hashes = _parse_manifest(manifest)
    for name, data in files.items():
        _check_hash(name, data, hashes)


def read_checkpoint(folder: Path | str) -> Checkpoint:
    """Reads and checks a folder; sizes, names, shapes, dtypes and hashes before anything is allocated for it.

    Raises:
        CheckpointError: something in it is not as it must be.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise CheckpointError(f"there is no checkpoint folder named {folder.name!r}")
    if not (folder / CONFIG).exists():
        raise CheckpointError(_no_config(folder))
    config_bytes = _read(folder, CONFIG, _MAX_JSON)
    hashes = _parse_manifest(_read(folder, MANIFEST, _MAX_HEADER))
    config, tokenizer, training, chat = parse_config(config_bytes)
    _check_hash(CONFIG, config_bytes, hashes)
    # No file of this network can be larger: what is, is not read.
    weight_bytes = _read(folder, WEIGHTS, 8 + _MAX_HEADER + 4 * config.parameters)
    weights = parse_weights(weight_bytes, config)
    _check_hash(WEIGHTS, weight_bytes, hashes)
    return Checkpoint(config, tokenizer, weights, training, chat, _read_cells(folder, hashes, config))


def parse_config(data: bytes) -> tuple[LSTMConfig, CharTokenizer, dict[str, Any], ChatFormat | None]:
    """Reads config.json.

    Raises:
        CheckpointError: it is not the config of a model that this version can serve.
    """
    config = parse_json(CONFIG, data)
    if config.get("model_type") != "char-lstm":
        raise CheckpointError(f"{CONFIG}: model_type is {config.get('model_type')!r:.40}, not 'char-lstm'")
    version = config.get("format_version")
    if type(version) is not int or version != FORMAT_VERSION:
        newer = type(version) is int and version > FORMAT_VERSION
        remedy = "update char-lstm to read it" if newer else f"it must be {FORMAT_VERSION}"
        raise CheckpointError(f"{CONFIG}: format_version is {version!r:.40}: {remedy}")
    missing, unknown = sorted(_FIELDS - config.keys()), sorted(config.keys() - _FIELDS - _OPTIONAL)
    if missing or unknown:
        wrong = f"lacks the field {missing[0]!r}" if missing else f"has an unknown field {unknown[0]!r:.60}"
        raise CheckpointError(f"{CONFIG} {wrong}")
    if not isinstance(config["training"], dict):
        raise CheckpointError(f"{CONFIG}: training must be an object")
    try:
        check_vocab(config["vocab"])
        sizes = LSTMConfig(vocab_size=len(config["vocab"]), **{name: config[name] for name in _SIZES})
    except ValueError as error:
        raise CheckpointError(f"{CONFIG}: {error}") from None
    tokenizer = CharTokenizer(config["vocab"])
    return sizes, tokenizer, config["training"], _parse_chat(config["chat"], tokenizer) if "chat" in config else None


def _read_cells(folder: Path, hashes: Mapping[str, str], config: LSTMConfig) -> tuple[Cell, ...]:
    if CELLS not in hashes:
        return ()
    data = _read(folder, CELLS, _MAX_HEADER)
    _check_hash(CELLS, data, hashes)
    found = parse_json(CELLS, data)
    try:
        return cells_from_json(found, config)
    except ValueError as error:
        raise CheckpointError(f"{CELLS}: {error}") from None


def parse_weights(data: bytes, config: LSTMConfig) -> dict[str, Tensor]:
    """Reads model.safetensors: the header is compared with the config before a tensor is made.

    Raises:
        CheckpointError: it is not a safetensors file, or not of exactly these tensors, or not finite.
    """
    _check_kind(data)
    header_size = int.from_bytes(data[:8], "little")
    if header_size > min(_MAX_HEADER, len(data) - 8):
        raise CheckpointError(f"{WEIGHTS}: its header claims {header_size:,} bytes: the file is cut or damaged")
    header = parse_json(f"the header of {WEIGHTS}", data[8 : 8 + header_size])
    header.pop("__metadata__", None)
    _check_header(header, config)
    try:
        tensors = load(data)  # checks the offsets: no overlap, no gap, nothing behind the end
    except SafetensorError as error:
        raise CheckpointError(f"{WEIGHTS} is damaged: {' '.join(str(error).split()):.160}") from None
    _check_tensors(tensors, config)
    return tensors


def parse_json(name: str, data: bytes) -> dict[str, Any]:
    """A JSON object, strictly: UTF-8 without a BOM, no key twice, no NaN, not absurdly many lists and objects.

    Raises:
        CheckpointError: it is anything else; ``name`` says of what.
    """

    if data.count(b"[") + data.count(b"{") > _MAX_BRACKETS:
        raise CheckpointError(f"{name} holds more than {_MAX_BRACKETS:,} lists and objects")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            key = Counter(key for key, _ in pairs).most_common(1)[0][0]
            raise ValueError(f"the key {key!r:.60} stands there twice")
        return found

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not JSON")

    try:
        text = data.decode("utf-8")
        parsed = json.loads(text, object_pairs_hook=unique, parse_constant=refuse)
    except RecursionError:
        raise CheckpointError(f"{name} is nested too deeply") from None
    except UnicodeDecodeError as error:
        raise CheckpointError(f"{name} is not UTF-8 (byte {error.start})") from None
    except ValueError as error:
        raise CheckpointError(f"{name}: {error}") from None
    if not isinstance(parsed, dict):
        raise CheckpointError(f"{name} must be a JSON object")
    return parsed


def _parse_chat(chat: object, tokenizer: CharTokenizer) -> ChatFormat:
    names = [field.name for field in fields(ChatFormat)]
    if not isinstance(chat, dict) or chat.keys() != set(names):
        raise CheckpointError(f"{CONFIG}: chat must be an object of {', '.join(names[:-1])} and {names[-1]}")
    try:
        parsed = ChatFormat(**chat)
    except ValueError as error:
        raise CheckpointError(f"{CONFIG}: {error}") from None
    for name in names:
        if not tokenizer.in_vocab(chat[name]).all():
            raise CheckpointError(f"{CONFIG}: chat {name} has characters that are not in vocab")
    return parsed


def _read(folder: Path, name: str, most: int) -> bytes:
    try:
        real = (folder / name).resolve()
        if not any(real.is_relative_to(home) for home in _homes(folder)):
            raise CheckpointError(f"{name} is a link out of the checkpoint's folder")
        if real.exists() and not real.is_file():  # a pipe would block for ever
            raise CheckpointError(f"{name} is not a file")
        with real.open("rb") as file:
            data = file.read(most + 1)
    except FileNotFoundError:
        raise CheckpointError(f"{name} is missing") from None
    except OSError as error:
        raise CheckpointError(f"{name} cannot be read: {error.strerror}") from None
    except RuntimeError:  # what Path.resolve says before Python 3.13
        raise CheckpointError(f"{name} is a link to itself") from None
    if len(data) > most:
        raise CheckpointError(f"{name} is larger than the {most:,} bytes that it can need")
    return data


def _homes(folder: Path) -> list[Path]:
    """Where links in a folder may lead: inside it, and, in the Hub's cache, to the blobs of the same repo."""
    real = folder.resolve()
    cached = real.parent.name == "snapshots"
    return [real, real.parent.parent / "blobs"] if cached else [real]


def _no_config(folder: Path) -> str:
    names = sorted(path.name for path in folder.iterdir())
    pickles = [name for name in names if name.endswith((".bin", ".pt", ".pth", ".ckpt", ".pkl", ".t7", ".h5"))]
    if pickles:
        return f"{pickles[0]} may hold code and is not opened: char-lstm reads {CONFIG} and {WEIGHTS}"
    return f"{CONFIG} is missing: this is not a char-lstm checkpoint"


def _parse_manifest(data: bytes) -> dict[str, str]:
    hashes = parse_json(MANIFEST, data).get("sha256")
    if not isinstance(hashes, dict) or not all(isinstance(value, str) for value in hashes.values()):
        raise CheckpointError(f"{MANIFEST}: sha256 must be an object of file names and hashes")
    return hashes


def _check_hash(name: str, data: bytes, hashes: Mapping[str, str]) -> None:
    if name not in hashes:
        raise CheckpointError(f"{MANIFEST} does not list {name}")
    if hashlib.sha256(data).hexdigest() != hashes[name]:
        raise CheckpointError(f"{name} is not the file that {MANIFEST} describes (SHA-256): damaged or changed")


def _check_kind(data: bytes) -> None:
    """Says what it is, if it is one of the things that end up under this name by mistake."""
    start = data[:512].lstrip().lower()
    kinds = {
        "a Git LFS pointer: the file itself was not downloaded (git lfs pull)": start.startswith(
            b"version https://git-lfs"
        ),
        "a web page": start.startswith((b"<!doctype", b"<html")),
        "a zip archive, as torch.save writes: it may hold code and is not opened": data.startswith(b"PK\x03\x04"),
        # A safetensors file may begin so too, when its header has 640, 896 ... bytes; then zeros follow.
        "a pickle: it may hold code and is not opened": data[:1] == b"\x80"
        and data[1:2] in _PICKLES
        and any(data[2:8]),
        "too short to be a safetensors file": len(data) < 10,
    }
    for kind, found in kinds.items():
        if found:
            raise CheckpointError(f"{WEIGHTS} is {kind}")


def _check_header(header: Mapping[str, Any], config: LSTMConfig) -> None:
    shapes = config.shapes()
    missing, extra = sorted(shapes.keys() - header.keys()), sorted(header.keys() - shapes.keys())
    if missing or extra:
        wrong = f"lacks the tensor {missing[0]!r}" if missing else f"has an unknown tensor {extra[0]!r:.60}"
        raise CheckpointError(f"{WEIGHTS} {wrong}")
    for name, shape in shapes.items():
        entry = header[name] if isinstance(header[name], dict) else {}
        if entry.get("shape") != list(shape):
            raise CheckpointError(
                f"{WEIGHTS}: {name} has shape {entry.get('shape')!r:.60}, {CONFIG} says {list(shape)}"
            )
        if entry.get("dtype") not in ("F32", "BF16", "F16"):
            raise CheckpointError(f"{WEIGHTS}: {name} has dtype {entry.get('dtype')!r:.20}, not F32, BF16 or F16")


def _check_tensors(tensors: Mapping[str, Tensor], config: LSTMConfig) -> None:
    for name, shape in config.shapes().items():
        if name not in tensors or tuple(tensors[name].shape) != shape:
            raise CheckpointError(f"the weights are not those of the config: {name} must have shape {list(shape)}")
        largest = float(tensors[name].float().abs().max())  # NaN, if there is one
        if not math.isfinite(largest):
            raise CheckpointError(f"{WEIGHTS}: {name} holds NaN or infinity")
        if largest > _MAX_WEIGHT:
            raise CheckpointError(f"{WEIGHTS}: {name} holds {largest:.3g}, over the {_MAX_WEIGHT:,.0f} that is allowed")
    if len(tensors) != len(config.shapes()):
        raise CheckpointError("the weights hold tensors that the config does not name")
