"""A hand on the memory: cells that are held at a value while a reply is written.

Knows sizes and numbers; how a step holds them is said where the steps are (``stepper``, docs/int8-inference.md).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from .lstm import LSTMConfig
from .settings import shorten

MAX_CLAMPS = 4  # cells of one reply
MAX_VALUE = 8.0  # beyond it tanh shows no difference


class Clamp(NamedTuple):
    """A cell that is held: layer and number, both from 0, and the value of c; h then shows tanh of it."""

    layer: int
    cell: int
    value: float


Clamps = tuple[Clamp, ...]


def check_clamps(clamps: Iterable[tuple[int, int, float]], config: LSTMConfig) -> Clamps:
    """What is to be held, in order, each cell once.

    Raises:
        ValueError: too many, a cell that the network lacks or that is held twice, or a value that is not allowed.
    """
    checked = []
    for hold in clamps:
        if not isinstance(hold, tuple | list) or len(hold) != 3:
            raise ValueError(f"hold is {shorten(hold)}: it must be a layer, a cell and a value")
        layer, cell, value = hold
        _index("layer", layer, config.num_layers)
        _index("cell", cell, config.hidden_size)
        number = value if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
        if not -MAX_VALUE <= number <= MAX_VALUE:
            allowed = f"a number from -{MAX_VALUE:g} to {MAX_VALUE:g}"
            raise ValueError(f"hold is of the value {shorten(value)}: it must be {allowed}")
        checked.append(Clamp(layer, cell, float(number) + 0.0))  # no negative zero
    if len(checked) > MAX_CLAMPS:
        raise ValueError(f"hold is of {len(checked)} cells: at most {MAX_CLAMPS} can be held at once")
    if len({hold[:2] for hold in checked}) < len(checked):
        raise ValueError("hold is of one cell twice: it can have one value only")
    return tuple(sorted(checked))


def _index(name: str, value: object, count: int) -> None:
    if type(value) is not int or not 0 <= value < count:
        raise ValueError(f"hold is of {name} {shorten(value)}: this model has 0 to {count - 1}")
