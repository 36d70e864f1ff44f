"""The format of a checkpoint: config.json, model.safetensors, manifest.json, and cells.json and samples.jsonl, if any.

config.json holds the sizes, the vocabulary, the chat format and the record of the training. model.safetensors holds the
weights under the names of `nn.LSTM`, as floats or partly in 8 bits. manifest.json holds the SHA-256 of the other files.
docs/format.md describes every field, and what may be added without a new version: unknown fields are ignored, so a
field that changes what a model writes needs one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import torch
from torch import Tensor

from ..chat import ChatFormat
from ..lstm import SIZES, LSTMConfig
from ..named_cells import Cell
from ..tokenizer import CharTokenizer
from .names import CONFIG
from .record import Sample, TrainingRecord, read_record

FORMAT_VERSION = 1
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
INT8 = "int8"  # a file whose largest matrices are in 8 bits, see docs/static-page.md
SCALE = "_scale"  # after the name of a matrix in 8 bits: by which its rows are multiplied

_REQUIRED = {"format_version", "model_type", *SIZES, "vocab", "training"}


class CheckpointError(ValueError):
    """A folder is not a valid checkpoint. The message names the file and what is wrong with it."""


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The content of a checkpoint folder."""

    config: LSTMConfig  # the sizes of the network
    tokenizer: CharTokenizer  # the vocabulary
    training: TrainingRecord  # what the training recorded; {} if nothing
    # The tensors by name, as `LSTMConfig.shapes` lists them; finite, in the dtype of the file, float32 if that is int8
    weights: Mapping[str, Tensor] = field(default_factory=dict)
    # As in `CharLSTM`
    chat: ChatFormat | None = None
    cells: tuple[Cell, ...] = ()
    samples: tuple[Sample, ...] = ()


def config_to_json(checkpoint: Checkpoint) -> Mapping[str, Any]:
    """Returns the content of config.json."""
    return {
        "format_version": FORMAT_VERSION,
        "model_type": "char-lstm",
        **{name: getattr(checkpoint.config, name) for name in SIZES},
        "vocab": list(checkpoint.tokenizer.vocab),
        **({} if checkpoint.tokenizer.rare is None else {"rare": checkpoint.tokenizer.rare}),
        **({"chat": asdict(checkpoint.chat)} if checkpoint.chat else {}),
        "training": dict(checkpoint.training),
    }


def parse_config(data: bytes) -> Checkpoint:
    """Returns what config.json says of a checkpoint: everything but weights, cells and samples.

    Raises:
        CheckpointError: it is not the config of a model that this version can run.
    """
    config = parse_json(CONFIG, data)
    if config.get("model_type") != "char-lstm":
        raise CheckpointError(f"{CONFIG}: model_type is {config.get('model_type')!r:.40}, not 'char-lstm'")
    version = config.get("format_version")
    if type(version) is not int or version != FORMAT_VERSION:
        newer = type(version) is int and version > FORMAT_VERSION
        update = "a newer char-lstm wrote it; to read it, pip install --upgrade char-lstm"
        remedy = update if newer else f"it must be {FORMAT_VERSION}"
        raise CheckpointError(f"{CONFIG}: format_version is {version!r:.40}: {remedy}")
    if missing := sorted(_REQUIRED - config.keys()):
        raise CheckpointError(f"{CONFIG} lacks the field {missing[0]!r}")
    if not isinstance(config["training"], dict):
        raise CheckpointError(f"{CONFIG}: training must be an object")
    try:
        tokenizer = CharTokenizer(config["vocab"], rare=config.get("rare"))
        return Checkpoint(
            config=LSTMConfig(vocab_size=len(tokenizer), **{name: config[name] for name in SIZES}),
            tokenizer=tokenizer,
            training=read_record(config["training"]),
            chat=_parse_chat(config["chat"], tokenizer) if "chat" in config else None,
        )
    except ValueError as error:
        raise CheckpointError(f"{CONFIG}: {error}") from error


def _parse_chat(chat: object, tokenizer: CharTokenizer) -> ChatFormat:
    names = [each.name for each in fields(ChatFormat)]
    if not isinstance(chat, dict) or not chat.keys() >= set(names):
        raise ValueError(f"chat must be an object of {', '.join(names[:-1])} and {names[-1]}")
    parsed = ChatFormat(**{name: chat[name] for name in names})
    for name in names:
        if not tokenizer.in_vocab(chat[name]).all():
            raise ValueError(f"chat {name} has characters that are not in vocab")
    return parsed


def parse_json(name: str, data: bytes) -> Mapping[str, Any]:
    """Returns a JSON object: UTF-8 without BOM, with finite numbers.

    Raises:
        CheckpointError: the data are anything else; the message begins with `name`.
    """

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not JSON")

    def finite(number: str) -> float:
        if math.isinf(float(number)):
            raise ValueError(f"the number {number:.20} is too large")
        return float(number) if set(number) & set(".eE") else int(number)

    hooks: Any = {"parse_constant": refuse, "parse_float": finite, "parse_int": finite}
    try:
        parsed = json.loads(data.decode("utf-8"), **hooks)
    except RecursionError:
        raise CheckpointError(f"{name} is nested too deeply") from None
    except ValueError as error:
        raise CheckpointError(f"{name}: {error}") from error
    if not isinstance(parsed, dict):
        raise CheckpointError(f"{name} must be a JSON object")
    return parsed
