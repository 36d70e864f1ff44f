"""Reads `training` of config.json, and checks each value before a card shows it.

A checkpoint may come from anyone: a value of the wrong type counts as missing, and a text is cut to one safe line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .curve import number
from .escape import line
from .redact import base_name, redact_command

_LOSS_FIELDS = {"carried": "val_loss", "cold256": "val_cold256", "adapted": "val_adapted"}
_DROPOUTS = ("dropout_in", "dropout_between", "dropout_out", "dropout_weights")
_RECIPE = ("lr", "matrix_lr", "weight_decay", *_DROPOUTS, "average", "seed")
_MAX_COMMAND = 2000  # characters


@dataclass(frozen=True, kw_only=True)
class TrainingSummary:
    """The records of one training; "" or None where there is no valid value."""

    corpus: str
    corpus_characters: float | None
    base_model: str
    """USER/NAME@COMMIT of the model that the training started from."""
    base_corpus: str
    teachers: tuple[str, ...]
    """USER/NAME@COMMIT of each teacher; "" for one that is not on the Hub."""
    license: str
    license_name: str
    """The name of a licence that has no identifier on the Hub; `license` is then `other`."""
    repo: str
    """USER/NAME of the repo that the model is pushed to."""
    space: str
    """USER/NAME of the Space that serves the model."""
    example: str
    """A prompt that is frequent in the text."""
    losses: dict[str, float]
    """Held-out loss in nats per character by evaluation protocol."""
    intervals: dict[str, tuple[float, float]]
    """95 % interval of each loss, where it was computed."""
    train_loss: float | None
    ngram_loss: float | None
    ngram_characters: float | None
    validation_characters: float | None
    validation_bytes: float | None
    int8_cost: float | None
    command: str
    seconds: float | None
    machine: str
    step: float | None
    recipe: str
    versions: dict[str, str]
    line_ends: str
    quote_chat: bool
    """Whether the card of a model of chats may quote what the model writes."""

    @classmethod
    def of(cls, noted: Mapping[str, Any]) -> TrainingSummary:
        """Returns the checked values of `training` in a config.json."""
        examples = noted.get("examples")
        losses = {protocol: number(noted.get(name)) for protocol, name in _LOSS_FIELDS.items()}
        intervals = {protocol: _interval(noted.get(f"{name}_95")) for protocol, name in _LOSS_FIELDS.items()}
        taught_by = noted.get("taught_by")
        models = taught_by.get("models") if isinstance(taught_by, Mapping) else None
        return cls(
            corpus=base_name(line(noted.get("corpus"))) or "a text",
            corpus_characters=number(noted.get("corpus_characters")),
            base_model=_pinned(noted.get("base_model")),
            base_corpus=base_name(line(noted.get("base_corpus"))),
            teachers=tuple(map(_pinned, models)) if isinstance(models, list) else (),
            license=line(noted.get("license")) or "unknown",
            license_name=line(noted.get("license_name")),
            repo=_repo(noted.get("repo")),
            space=_repo(noted.get("space")),
            example=next(filter(None, map(line, examples)), "") if isinstance(examples, list | tuple) else "",
            losses={protocol: loss for protocol, loss in losses.items() if loss is not None},
            intervals={protocol: pair for protocol, pair in intervals.items() if pair is not None},
            train_loss=number(noted.get("train_loss")),
            ngram_loss=number(noted.get("ngram_loss")),
            ngram_characters=number(noted.get("ngram_characters")),
            validation_characters=number(noted.get("validation_characters")),
            validation_bytes=number(noted.get("validation_bytes")),
            int8_cost=number(noted.get("int8_cost")),
            command=redact_command(line(noted.get("command"), _MAX_COMMAND)),
            seconds=number(noted.get("seconds")),
            machine=line(noted.get("machine")),
            step=number(noted.get("step")),
            recipe=_recipe(noted.get("recipe")),
            versions={name: text for name in ("python", "torch") if (text := line(noted.get(name)))},
            line_ends=line(noted.get("line_ends")),
            quote_chat=noted.get("quote_chat") is True,
        )


def _interval(noted: object) -> tuple[float, float] | None:
    if not isinstance(noted, list) or len(noted) != 2:
        return None
    low, high = map(number, noted)
    return (low, high) if low is not None and high is not None else None


def _repo(noted: object) -> str:
    """Returns a value that is USER/NAME; "" for anything else."""
    repo = line(noted)
    return repo if re.fullmatch(r"[\w.-]+/[\w.-]+", repo, re.ASCII) else ""


def _pinned(noted: object) -> str:
    """Returns a value that is USER/NAME@COMMIT; "" for anything else."""
    model = line(noted)
    return model if re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", model, re.ASCII) else ""


def _recipe(noted: object) -> str:
    """Returns the batch and the hyperparameters, as in ` of 64 × 64 characters; lr 0.006, seed 1`; "" for no recipe."""
    if not isinstance(noted, Mapping):
        return ""
    batch, window = number(noted.get("batch")), number(noted.get("window"))
    size = f" of {batch:,.0f} × {window:,.0f} characters" if batch and window else ""
    values = [f"{name} {value:.4g}" for name in _RECIPE if (value := number(noted.get(name))) is not None]
    return size + (f"; {', '.join(values)}" if values else "")
