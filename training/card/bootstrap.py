"""Computes a 95 % interval of a mean loss by a circular block bootstrap over the losses of single characters.

Losses of neighbouring characters are correlated (a rare name, a change of scene), so blocks of 1,000 characters are
resampled instead of single characters; the text is treated as a ring so that every character counts equally (Künsch
1989; Politis and Romano 1992). The interval estimates how the loss varies on other passages of the same text, not on
other texts, and not between two trainings.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

BLOCK = 1000  # characters
REPEATS = 2000
_MIN_BLOCKS = 20  # a shorter text gets shorter blocks, because few blocks cannot show a spread


def interval(losses: npt.NDArray[np.floating], *, block: int = BLOCK) -> tuple[float, float]:
    """Returns the 95 % interval of the mean of `losses`; the same losses give the same interval.

    Args:
        losses: (N,) in the order of the text.
        block: characters in a block, at most.

    Returns:
        (lower, upper); (NaN, NaN) for fewer than two losses.
    """
    count = len(losses)
    if count < 2:
        return math.nan, math.nan
    size = max(1, min(block, count // _MIN_BLOCKS))
    ring = np.concatenate(([0.0], np.cumsum(np.concatenate((losses, losses[:size])), dtype=np.float64)))
    sums = ring[size : size + count] - ring[:count]  # (N,) sum of the block that begins at each character
    starts = np.random.default_rng(0).integers(count, size=(REPEATS, -(-count // size)))
    low, high = np.quantile(sums[starts].mean(axis=1) / size, [0.025, 0.975])
    return float(low), float(high)
