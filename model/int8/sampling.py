"""From logits to a character: temperature, top-k, top-p and a seed, in whole numbers.

The random number of character i is a pure function of (seed, i), and every choice compares integers. So a
reply can be cut, rewound and continued and stays the same text, and a neighbour can never disturb it.

Knows numbers only.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..settings import SamplingParams

# Weights are powers of two: 2^(e / STEPS), from a table for the fraction of e / STEPS and a shift for the rest.
_STEPS = 1 << 12
POWERS = np.array([round(2.0**31 * 2.0 ** (i / _STEPS)) for i in range(_STEPS)], dtype=np.int64)
STEPS_A_NAT = 1.4426950408889634 * _STEPS  # log2(e), written out: the same number everywhere
_BLOCK = 256  # random numbers drawn at once


class Randomness:
    """The random numbers of one reply: Philox4x64-10 (Salmon et al. 2011) as numpy has it.

    Number i is the i-th raw output of ``numpy.random.Philox(key=seed)``, reached without drawing those before.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._start = -1
        self._block: list[int] = []

    def number(self, i: int) -> int:
        """The i-th number, a whole number in [0, 2^64)."""
        offset = i - self._start
        if self._start < 0 or not 0 <= offset < len(self._block):
            self._start = i - i % _BLOCK
            generator = np.random.Philox(key=self._seed)
            generator.advance(self._start // 4)  # one step of the counter makes four numbers
            self._block = generator.random_raw(_BLOCK).tolist()
            offset = i - self._start
        return self._block[offset]


def choose(logits: npt.NDArray[np.float32], params: SamplingParams, number: int) -> int:
    """The id of the next character.

    Args:
        logits: (V,) float32, finite.
        params: temperature, top-k and top-p are used.
        number: this character's random number, see ``Randomness``.
    """
    if params.temperature == 0:
        return int(logits.argmax())  # the lowest id among equals
    running = np.cumsum(weights(logits, params))
    return int(np.searchsorted(running, int(running[-1]) * number >> 64, side="right"))


def weights(logits: npt.NDArray[np.float32], params: SamplingParams) -> npt.NDArray[np.int64]:
    """What each character weighs in the draw, (V,) int64, the likeliest about 2^31: probability times a constant.

    Temperature first, then top-k, then top-p of what is left, as everywhere.
    """
    scores = logits.astype(np.float64)
    # A tiny temperature sends all but the likeliest to minus infinity, which weighs nothing: as it should.
    with np.errstate(over="ignore"):
        exponents = np.rint((scores - scores.max()) / max(params.temperature, 1e-300) * STEPS_A_NAT)
    exponents = np.maximum(exponents, -64.0 * _STEPS).astype(np.int64)
    weight: npt.NDArray[np.int64] = POWERS[exponents & (_STEPS - 1)] >> np.minimum(-(exponents >> 12), 63)
    if 0 < params.top_k < len(weight):
        weight = _keep(weight, params.top_k)
    if params.top_p < 1:
        ordered = np.sort(weight)[::-1].cumsum()
        # p in 2^-32ths, so that the comparison is one of whole numbers.
        enough = max(1, int(ordered[-1]) * fixed_point(params.top_p) >> 32)
        weight = _keep(weight, int(np.searchsorted(ordered, enough)) + 1)
    return weight


def fixed_point(probability: float) -> int:
    """A probability in 2^-32ths."""
    return round(probability * 2**32)


def _keep(weight: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.int64]:
    """Only the ``count`` heaviest; among equals those with the lower id."""
    kept = np.zeros_like(weight)
    heaviest = np.argsort(-weight, kind="stable")[:count]
    kept[heaviest] = weight[heaviest]
    return kept
