"""From logits to a character: temperature, top-k, top-p and a seed, in whole numbers.

The random number of character i is a pure function of (seed, i), and every choice compares integers. So a
reply can be cut, rewound and continued and stays the same text, and a neighbour can never disturb it.

Knows numbers only.
"""

from __future__ import annotations

import math
import reprlib
import secrets
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

MAX_TEMPERATURE = 5.0
MAX_SEED = 2**32 - 1
MAX_STOP = 100
MAX_LENGTH = 10_000_000

# Weights are powers of two: 2^(e / STEPS), from a table for the fraction of e / STEPS and a shift for the rest.
_STEPS = 1 << 12
POWERS = np.array([round(2.0**31 * 2.0 ** (i / _STEPS)) for i in range(_STEPS)], dtype=np.int64)
STEPS_A_NAT = 1.4426950408889634 * _STEPS  # log2(e), written out: the same number everywhere
_BLOCK = 256  # random numbers drawn at once


def draw_seed() -> int:
    """A seed nobody chose, from the system's randomness."""
    return secrets.randbelow(MAX_SEED + 1)


@dataclass(frozen=True)
class SamplingParams:
    """How a reply is written; every default of the project is here and nowhere else.

    Attributes:
        temperature: 0 to 5. 0 always takes the likeliest character; 1 is the model's own judgement.
        length: how many characters at most.
        top_k: only the k likeliest characters; 0 is all of them.
        top_p: only the likeliest characters that together have this probability, in (0, 1].
        seed: 0 to 2^32 - 1; drawn when not given.
        stop: the reply ends before this text; empty is never.
        share: of two models that write together, how much the second has a say, from 0 to 1; None is as the blend has
            it. One model alone knows nothing of it.

    Raises:
        ValueError: a field's value is not allowed; the message names field, value and what is.
    """

    temperature: float = 0.8
    length: int = 500
    top_k: int = 0
    top_p: float = 1.0
    seed: int = field(default_factory=draw_seed)
    stop: str = ""
    share: float | None = None

    def __post_init__(self) -> None:
        _number("temperature", self.temperature, 0 <= _real(self.temperature) <= MAX_TEMPERATURE, "from 0 to 5")
        _number("top_p", self.top_p, 0 < _real(self.top_p) <= 1, "above 0, at most 1")
        _whole("length", self.length, 1, MAX_LENGTH)
        _whole("top_k", self.top_k, 0, None)
        _whole("seed", self.seed, 0, MAX_SEED)
        if not isinstance(self.stop, str) or len(self.stop) > MAX_STOP:
            raise ValueError(f"stop is {shorten(self.stop)}: it must be a text of at most {MAX_STOP} characters")
        if self.share is not None:
            _number("share", self.share, 0 <= _real(self.share) <= 1, "from 0 to 1")


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


def shorten(value: object) -> str:
    """A value for an error message: whole if short, and always on one line."""
    if isinstance(value, int) and abs(value) >= 10**20:
        return "a number of over 20 digits"
    try:
        return " ".join(reprlib.repr(value).split())
    except ValueError:  # Python refuses to print integers of over 4,300 digits, inside a list too
        return f"a {type(value).__name__}"


def number_or_text(text: str) -> object:
    """What was typed as a number if it is one; else as it is, so that whoever checks it can say what is allowed."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _real(value: object) -> float:
    """The value as a float; NaN, which fails every comparison, for what is not a number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _number(name: str, value: object, allowed: bool, rule: str) -> None:
    if not allowed:
        raise ValueError(f"{name} is {shorten(value)}: it must be a number {rule}")


def _whole(name: str, value: object, least: int, most: int | None) -> None:
    if type(value) is not int or value < least or (most is not None and value > most):
        rule = f"of at least {least}" if most is None else f"from {least} to {most:,}"
        raise ValueError(f"{name} is {shorten(value)}: it must be a whole number {rule}")
