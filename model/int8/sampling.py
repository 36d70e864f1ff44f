"""From logits to a character: temperature, top-k, top-p, min-p and a seed, with integer arithmetic.

The random number of character i is a pure function of (seed, i), and characters are drawn by integer weights. So a
reply that is stopped and continued is the same text, and other requests in the batch never change it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..settings import SamplingParams

Weights = npt.NDArray[np.int64]

# Weights are powers of two: 2^(e / _STEPS), from a table for the fraction of e / _STEPS and a shift for the rest.
_STEPS = 1 << 12
POWERS = np.array([round(2.0**31 * 2.0 ** (i / _STEPS)) for i in range(_STEPS)], dtype=np.int64)
STEPS_PER_NAT = 1.4426950408889634 * _STEPS  # log2(e) as a literal: the same number everywhere
_BLOCK = 256  # random numbers that are drawn at once, and more


class Randomness:
    """The random numbers of one reply: Philox4x64-10 (Salmon et al. 2011) as numpy implements it.

    Number i is the i-th raw output of `numpy.random.Philox(key=seed)`, computed without the numbers before it.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._start = 0
        self._block: list[int] = []

    def number(self, i: int) -> int:
        """Returns the i-th number, an integer in [0, 2^64)."""
        return self.numbers(i, 1)[0]

    def numbers(self, first: int, count: int) -> list[int]:
        """Returns `count` numbers, from the one with index `first` on."""
        at = first - self._start
        if at < 0 or at + count > len(self._block):
            at = first % 4
            self._start = first - at
            generator = np.random.Philox(key=self._seed)
            generator.advance(self._start // 4)  # one step of the counter gives four numbers
            self._block = generator.random_raw(_BLOCK + count).tolist()
        return self._block[at : at + count]


def choose(logits: npt.NDArray[np.float32], params: SamplingParams, number: int) -> int:
    """Returns the id of the next character.

    Args:
        logits: (V,) float32, finite.
        params: the sampling parameters; the seed is not used.
        number: the random number of this character, see `Randomness`.
    """
    if params.temperature == 0:
        return int(logits.argmax())  # of equal logits the lowest id
    running = np.cumsum(weights(logits, params))
    return int(np.searchsorted(running, int(running[-1]) * number >> 64, side="right"))


def weights(logits: npt.NDArray[np.float32], params: SamplingParams) -> Weights:
    """Returns the weight of each character, (V,) int64: its probability times a constant; 2^31 for the most likely one.

    The order is: temperature, then top-k, then top-p of what top-k kept, then min-p (Nguyen et al. 2024, "Turning Up
    the Heat: Min-p Sampling").
    """
    scores = logits.astype(np.float64)
    # A tiny temperature sends all but the most likely character to minus infinity, whose weight is 0.
    with np.errstate(over="ignore"):
        exponents = np.rint((scores - scores.max()) / max(params.temperature, 1e-300) * STEPS_PER_NAT)
    exponents = np.maximum(exponents, -64.0 * _STEPS).astype(np.int64)
    weight: Weights = POWERS[exponents & (_STEPS - 1)] >> np.minimum(-(exponents >> 12), 63)
    if 0 < params.top_k < len(weight):
        weight = _keep(weight, params.top_k)
    if params.top_p < 1:
        ordered = np.sort(weight)[::-1].cumsum()
        enough = max(1, int(ordered[-1]) * fixed_point(params.top_p) >> 32)
        weight = _keep(weight, int(np.searchsorted(ordered, enough)) + 1)
    if params.min_p > 0:  # the largest weight is always 2^31, so both sides are in units of 2^-32
        weight[2 * weight < fixed_point(params.min_p)] = 0
    return weight


def surprisal(logits: npt.NDArray[np.float32], id_: int) -> float:
    """Returns -log2 of the probability that the logits, (V,), give to a character at temperature 1."""
    exact = logits.astype(np.float64)
    most = float(exact.max())
    return (most + float(np.log(np.exp(exact - most).sum())) - float(exact[id_])) / float(np.log(2.0))


def fixed_point(probability: float) -> int:
    """Returns a probability in units of 2^-32, so that it is compared with integers."""
    return round(probability * 2**32)


def _keep(weight: Weights, count: int) -> Weights:
    """Returns the weights with all but the `count` largest set to zero; of equal weights the lower id is kept."""
    kept = np.zeros_like(weight)
    largest = np.argsort(-weight, kind="stable")[:count]
    kept[largest] = weight[largest]
    return kept
