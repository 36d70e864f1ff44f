"""Clamped cells: cells of the network that are set to a fixed value in each step of a reply.

This module checks clamps; the backends apply them (docs/int8-inference.md).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .lstm import LSTMConfig
from .settings import UsageError, shorten

MAX_CLAMPS = 4  # cells per reply
MAX_VALUE = 8.0  # beyond it, tanh no longer changes


class Clamp(NamedTuple):
    """A cell, by layer and number from 0, whose c is set to a value; its h is then o · tanh(value)."""

    layer: int
    cell: int
    value: float


Clamps = tuple[Clamp, ...]
Stretches = Sequence[tuple[int, Clamps]]  # (position, clamps) in order: the clamps from each position on


def check_clamps(clamps: Iterable[tuple[int, int, float]], config: LSTMConfig) -> Clamps:
    """Returns the clamps sorted by layer and cell.

    Raises:
        UsageError: there are more than four, a cell does not exist or is clamped twice, or a value is out of bounds.
    """
    checked = []
    for clamp in clamps:
        if not isinstance(clamp, tuple | list) or len(clamp) != 3:
            raise UsageError(f"a clamp is {shorten(clamp)}: it must be a layer, a cell and a value")
        layer, cell, value = clamp
        _check_index("layer", layer, config.num_layers)
        _check_index("cell", cell, config.hidden_size)
        number = value if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
        if not -MAX_VALUE <= number <= MAX_VALUE:
            allowed = f"a number from -{MAX_VALUE:g} to {MAX_VALUE:g}"
            raise UsageError(f"a clamp has the value {shorten(value)}: it must be {allowed}")
        checked.append(Clamp(layer, cell, float(number) + 0.0))  # + 0.0 turns -0.0 into 0.0
    if len(checked) > MAX_CLAMPS:
        raise UsageError(f"{len(checked)} cells are clamped: at most {MAX_CLAMPS} can be clamped at once")
    if len({clamp[:2] for clamp in checked}) < len(checked):
        raise UsageError("one cell is clamped twice: it can have one value only")
    return tuple(sorted(checked))


def clamps_at(stretches: Stretches, position: int) -> Clamps:
    """Returns the clamps at a position: those of the last entry of `stretches` at or before it."""
    at = bisect_right(stretches, position, key=lambda each: each[0])
    return stretches[at - 1][1] if at else ()


def _check_index(name: str, value: object, count: int) -> None:
    if type(value) is not int or not 0 <= value < count:
        raise UsageError(f"a clamp names {name} {shorten(value)}: this model has {name}s 0 to {count - 1}")
