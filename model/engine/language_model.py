"""The interface of a model that the engine, `stream` and `TextTrace` use; `CharLSTM` and `Blend` implement it."""

from __future__ import annotations

from typing import Protocol

import torch

from ..backends.backend import Backend
from ..char_lstm import CharLSTM
from ..chat import ChatFormat
from ..checkpoint.record import TrainingRecord
from ..lstm import LSTMConfig
from ..named_cells import Cell
from ..settings import Precision
from ..tokenizer import CharTokenizer

MAX_INT8_COST = 0.01  # nats per character; a model that loses more in int8 runs in float32


class LanguageModel(Protocol):
    """A model that predicts the next character of a text: one network, or two that are blended.

    The attributes are those of `CharLSTM`.
    """

    name: str
    commit: str | None
    notice: str
    tokenizer: CharTokenizer
    training: TrainingRecord
    chat: ChatFormat | None
    cells: tuple[Cell, ...]

    @property
    def config(self) -> LSTMConfig:
        """The sizes of the model's state: layers and cells."""

    @property
    def device(self) -> torch.device:
        """The device of the model's states."""

    @property
    def models(self) -> tuple[CharLSTM, ...]:
        """One model, or the two of a blend."""

    @property
    def share(self) -> float | None:
        """The weight of the second model of a blend, 0 to 1; None for one model."""

    def with_share(self, share: float | None) -> LanguageModel:
        """Returns a blend with another weight of the second model; itself if it is not a blend or `share` is None."""

    def make_backend(self, slots: int, precision: Precision) -> Backend:
        """Returns a backend that runs the model, with a number of slots."""

    def without_weights(self) -> LanguageModel:
        """Returns a copy without weights, for callers that need the other attributes and must free the memory."""


def default_precision(lm: LanguageModel) -> Precision:
    """Returns "int8", unless training measured that it costs this model more than `MAX_INT8_COST`: then "float32"."""
    return "float32" if lm.training.get("int8_cost", 0.0) > MAX_INT8_COST else "int8"
