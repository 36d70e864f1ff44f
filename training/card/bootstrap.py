"""How sure a mean loss is: a 95 % interval from a circular block bootstrap over the losses of single characters.

Losses of neighbouring characters go together (a rare name, a change of scene), so blocks are drawn, not characters:
blocks of 1,000, which is some paragraphs, laid out as a ring so that every character counts alike (Politis and Romano
1992; Künsch 1989). The interval tells how the loss would differ on other stretches of such a text, not on other texts,
nor between two trainings.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

BLOCK = 1000  # characters
REPEATS = 2000
_FEWEST = 20  # blocks: of a short text they are shorter, for a few blocks say nothing of a spread


def interval(
    losses: npt.NDArray[np.floating], *, level: float = 0.95, block: int = BLOCK, seed: int = 0
) -> tuple[float, float]:
    """The bounds between which the mean of such losses lies.

    Args:
        losses: (N,) in the order of the text.
        level: of the interval.
        block: characters a block, at most.
        seed: of the blocks drawn: the same losses give the same interval.

    Returns:
        the lower and the upper bound; NaN twice when there are fewer than two losses.
    """
    count = len(losses)
    if count < 2:
        return math.nan, math.nan
    size = max(1, min(block, count // _FEWEST))
    ring = np.concatenate(([0.0], np.cumsum(np.concatenate((losses, losses[:size])), dtype=np.float64)))
    sums = ring[size : size + count] - ring[:count]  # (N,) of the block that begins at each character
    starts = np.random.default_rng(seed).integers(count, size=(REPEATS, -(-count // size)))
    low, high = np.quantile(sums[starts].mean(axis=1) / size, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
