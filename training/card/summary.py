"""Reads `training` of config.json, and checks each value before a card shows it.

A checkpoint may come from anyone: a value of the wrong type counts as missing, and a text is cut to one safe line.

Writes the welcome text of a model, too, which a page shows before the weights are downloaded, and stores it there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from model import CharLSTM, generate
from model.checkpoint.record import TrainingRecord, Welcome, stored_welcome
from model.settings import WELCOME_LENGTH, WELCOME_SEEDS

from .curve import number
from .public_text import line

_MAX_COMMAND = 2000  # characters
_PINNED = re.compile(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", re.ASCII)
_REPO = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
_LANGUAGE = re.compile("[a-z]{2,3}")
_DROPOUTS = ("dropout_in", "dropout_between", "dropout_out", "dropout_weights")
_RECIPE = ("lr", "matrix_lr", "weight_decay", *_DROPOUTS, "average", "seed")

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


class TrainingSummary:
    """The records of one training, each checked when it is read: "" or None where there is no valid value."""

    def __init__(self, training: TrainingRecord) -> None:
        self._training: Mapping[str, Any] = training
        self.corpus = self.text("corpus") or "a text"
        self.base_corpus = self.text("base_corpus")
        self.base_model = _matching(_PINNED, training.get("base_model"))  # USER/NAME@COMMIT
        self.command = self.text("command", _MAX_COMMAND)
        # USER/NAME of the model's repo, and of the Space that serves it.
        self.repo, self.space = (_matching(_REPO, training.get(name)) for name in ("repo", "space"))
        self.datasets = list(filter(None, (_matching(_REPO, name) for name in training.get("datasets", []))))
        self.language = _matching(_LANGUAGE, training.get("language"))
        # USER/NAME@COMMIT of each; "" for one that is not on the Hub.
        self.teachers = [_matching(_PINNED, model) for model in training.get("taught_by", {}).get("models", [])]
        self.example = next(filter(None, map(line, training.get("examples", []))), "")

    def text(self, name: str, limit: int = 200) -> str:
        """Returns a field as one safe line."""
        return line(self._training.get(name), limit)

    def number(self, name: str) -> float | None:
        """Returns a field that is a finite number."""
        return number(self._training.get(name))

    def interval(self, name: str) -> str:
        """Returns a field that is a pair of numbers, as `1.276 to 1.343`."""
        bounds = [f"{value:.3f}" for value in self._training.get(name, ()) if number(value) is not None]
        return " to ".join(bounds) if len(bounds) == 2 else ""

    def recipe(self) -> str:
        """Returns the batch and the hyperparameters, as in ` of 64 × 64 characters; lr 0.006, seed 1`."""
        known = {name: number(value) for name, value in self._training.get("recipe", {}).items()}
        batch, window = known.get("batch"), known.get("window")
        size = f" of {batch:,.0f} × {window:,.0f} characters" if batch and window else ""
        values = [f"{name} {value:.4g}" for name in _RECIPE if (value := known.get(name)) is not None]
        return size + (f"; {', '.join(values)}" if values else "")


def _matching(expected: re.Pattern[str], value: object) -> str:
    return value if isinstance(value, str) and expected.fullmatch(value) else ""


def write_welcome(lm: CharLSTM, seeds: Sequence[int] = WELCOME_SEEDS) -> Welcome:
    """Returns a text that int8 inference generates without a prompt, and its seed, as config.json stores them.

    The first seed is used whose text does not begin with an empty line.
    """
    texts = ((seed, generate(lm, "", WELCOME_LENGTH, seed=seed, precision="int8")) for seed in seeds)
    seed, text = next(((seed, text) for seed, text in texts if not text.startswith("\n")), (seeds[0], ""))
    return {"text": text, "seed": seed}


def with_welcome(lm: CharLSTM) -> CharLSTM:
    """Returns a model that has a welcome text in its config.json, unless nothing may be quoted of it."""
    if stored_welcome(lm.training)[0] or quotes_of(lm.training, is_chat=lm.chat is not None) == "nothing":
        return lm
    return replace(lm, training={**lm.training, "welcome": write_welcome(lm)})
