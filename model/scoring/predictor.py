"""The surprisal of a text under any predictor: a function from the characters so far to probabilities of the next."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

from ..settings import UsageError

Predictor = Callable[[str], Mapping[str, float]]
_TOLERANCE = 1e-3  # of the sum of the probabilities: float32 over a large vocabulary


def surprisals(predict: Predictor, text: str, window: int | None = None) -> Iterator[float]:
    """Yields -log2 of the probability of each character of a text.

    Args:
        predict: returns the probability of each possible next character after the text that it gets; the sum is 1.
        window: the text is read in consecutive windows of so many characters, each without those before it; the first
            character of the text, and the rest after the last whole window, are not predicted. A text shorter than a
            window is one window. None: each character is predicted after all before it.

    Raises:
        UsageError: what the predictor returned has a negative number, a sum other than 1, or 0 for the character
            that follows, whose surprisal would be infinite.
    """
    first, end = 0, len(text)
    if window:
        first, end = 1, (end - 1) // window * window + 1 if end > window else end
    for position in range(first, end):
        start = (position - 1) // window * window if window else 0
        yield _surprisal(predict(text[start:position]), text[position], position)


def _surprisal(found: object, character: str, position: int) -> float:
    where = f"at position {position:,} of the text"
    if not isinstance(found, Mapping):
        raise UsageError(f"{where} the function returned a {type(found).__name__}: it must return a dict")
    try:
        values = [float(value) for value in found.values()]
        probability = float(found.get(character, 0.0))
    except (TypeError, ValueError) as error:
        raise UsageError(f"{where} a probability is not a number ({error})") from error
    if not all(value >= 0 for value in values):
        raise UsageError(f"{where} a probability is {min(values)}: it must be from 0 to 1")
    if abs((total := math.fsum(values)) - 1) > _TOLERANCE:
        raise UsageError(f"{where} the probabilities sum to {total:.6g}: they must sum to 1")
    if probability == 0:
        raise UsageError(f"{where} {character!r} has the probability 0, an infinite loss: give it a small one")
    return -math.log2(probability)
