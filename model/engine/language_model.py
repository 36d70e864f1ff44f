"""What the engine, `stream` and `TextTrace` run: one model or a blend of two, which have the same attributes."""

from __future__ import annotations

from ..char_lstm import CharLSTM
from ..settings import Precision
from .blend import Blend

LanguageModel = CharLSTM | Blend
MAX_INT8_COST = 0.01  # nats per character; a model that loses more in int8 runs in float32


def default_precision(lm: LanguageModel) -> Precision:
    """Returns "int8", unless training measured that it costs this model more than `MAX_INT8_COST`: then "float32"."""
    return "float32" if lm.training.get("int8_cost", 0.0) > MAX_INT8_COST else "int8"
