"""Reads `training` of config.json, and checks each value before a card shows it.

A checkpoint may come from anyone: a value of the wrong type counts as missing, and a text is cut to one safe line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from model.checkpoint.record import TrainingRecord

from .curve import number
from .escape import line
from .redact import base_name, redact_command

_DROPOUTS = ("dropout_in", "dropout_between", "dropout_out", "dropout_weights")
_RECIPE = ("lr", "matrix_lr", "weight_decay", *_DROPOUTS, "average", "seed")
_MAX_COMMAND = 2000  # characters

Quotes = Literal["text", "model", "nothing"]
"""What published files may quote: the text itself, because anyone can read it at its source; what the model writes; or
neither, because the text is a chat or from a source that not everyone can read."""


def quotes_of(training: Mapping[str, Any], *, is_chat: bool) -> Quotes:
    """Returns what may be quoted of a model with this `training` in its config.json.

    In models of earlier versions nothing is recorded: of their chats nothing is quoted unless the user asked, and of
    other models what they write.
    """
    recorded = training.get("quotes")
    if recorded in ("text", "model", "nothing"):
        return recorded
    return "nothing" if is_chat and training.get("quote_chat") is not True else "model"


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

    @classmethod
    def of(cls, training: TrainingRecord) -> TrainingSummary:
        """Returns the checked values of `training` in a config.json."""
        losses = {
            "carried": number(training.get("val_loss")),
            "cold256": number(training.get("val_cold256")),
            "adapted": number(training.get("val_adapted")),
        }
        intervals = {
            "carried": _interval(training.get("val_loss_95")),
            "cold256": _interval(training.get("val_cold256_95")),
        }
        versions = {"python": line(training.get("python")), "torch": line(training.get("torch"))}
        taught_by = training.get("taught_by")
        return cls(
            corpus=base_name(line(training.get("corpus"))) or "a text",
            corpus_characters=number(training.get("corpus_characters")),
            base_model=_pinned(training.get("base_model")),
            base_corpus=base_name(line(training.get("base_corpus"))),
            teachers=tuple(map(_pinned, taught_by["models"])) if taught_by else (),
            license=line(training.get("license")) or "unknown",
            license_name=line(training.get("license_name")),
            repo=_repo(training.get("repo")),
            space=_repo(training.get("space")),
            example=next(filter(None, map(line, training.get("examples", []))), ""),
            losses={protocol: loss for protocol, loss in losses.items() if loss is not None},
            intervals={protocol: pair for protocol, pair in intervals.items() if pair is not None},
            train_loss=number(training.get("train_loss")),
            ngram_loss=number(training.get("ngram_loss")),
            ngram_characters=number(training.get("ngram_characters")),
            validation_characters=number(training.get("validation_characters")),
            validation_bytes=number(training.get("validation_bytes")),
            int8_cost=number(training.get("int8_cost")),
            command=redact_command(line(training.get("command"), _MAX_COMMAND)),
            seconds=number(training.get("seconds")),
            machine=line(training.get("machine")),
            step=number(training.get("step")),
            recipe=_recipe(training.get("recipe")),
            versions={name: text for name, text in versions.items() if text},
            line_ends=line(training.get("line_ends")),
        )


def _interval(value: object) -> tuple[float, float] | None:
    if not isinstance(value, list) or len(value) != 2:
        return None
    low, high = map(number, value)
    return (low, high) if low is not None and high is not None else None


def _repo(value: object) -> str:
    """Returns a value that is USER/NAME; "" for anything else."""
    repo = line(value)
    return repo if re.fullmatch(r"[\w.-]+/[\w.-]+", repo, re.ASCII) else ""


def _pinned(value: object) -> str:
    """Returns a value that is USER/NAME@COMMIT; "" for anything else."""
    model = line(value)
    return model if re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", model, re.ASCII) else ""


def _recipe(recipe: object) -> str:
    """Returns the batch and the hyperparameters, as in ` of 64 × 64 characters; lr 0.006, seed 1`; "" for no recipe."""
    if not isinstance(recipe, Mapping):
        return ""
    batch, window = number(recipe.get("batch")), number(recipe.get("window"))
    size = f" of {batch:,.0f} × {window:,.0f} characters" if batch and window else ""
    values = [f"{name} {value:.4g}" for name in _RECIPE if (value := number(recipe.get(name))) is not None]
    return size + (f"; {', '.join(values)}" if values else "")
