"""Generation settings: temperature, length, top-k, top-p, seed, stop text, and their bounds."""

from __future__ import annotations

import math
import reprlib
import secrets
from dataclasses import dataclass, field

MAX_TEMPERATURE = 5.0
MAX_SEED = 2**32 - 1
MAX_STOP = 100
MAX_LENGTH = 10_000_000


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
