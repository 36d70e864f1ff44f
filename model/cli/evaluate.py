"""`python -m model evaluate MODULE:FUNCTION FILE`: measures the loss of any predictor, as `score` does for a model."""

from __future__ import annotations

import argparse
import importlib
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..settings import UsageError
from ..terminal import duration_text, say, table
from .arguments import add_command
from .inputs import read_text

Predictor = Callable[[str], Mapping[str, float]]  # from the text so far to probabilities of the next character
_COLD_WINDOW = 256  # characters, as in the protocol cold256: docs/evaluation.md
_REPORT_S = 5.0  # between two lines of progress
_TOLERANCE = 1e-3  # of the sum of the probabilities: float32 over a large vocabulary


def add_to(commands: Any) -> None:
    """Adds the command evaluate."""
    text = "Measure the loss of any function that predicts the next character of a text."
    parser = add_command(commands, "evaluate", text, _evaluate, model=False)
    parser.add_argument(
        "function",
        metavar="MODULE:FUNCTION",
        help="a Python function that takes the text so far and returns a dict of each possible next character's "
        "probability; MODULE is looked for in this folder, too",
    )
    parser.add_argument("file", metavar="FILE", help="a text in UTF-8; - reads standard input")
    parser.add_argument(
        "--cold", action="store_true", help=f"forget the text every {_COLD_WINDOW} characters (default: never)"
    )


def _evaluate(arguments: argparse.Namespace) -> int:
    predict, text = _load(arguments.function), read_text(arguments.file)
    if len(text) < (least := 2 if arguments.cold else 1):
        raise UsageError(f"the text has {len(text)} characters: it must have at least {least}")
    bits, began, reported = [], time.monotonic(), time.monotonic()
    for each in surprisals(predict, text, _COLD_WINDOW if arguments.cold else None):
        bits.append(each)
        if (now := time.monotonic()) - reported > _REPORT_S:
            reported, left = now, (now - began) / len(bits) * (len(text) - len(bits))
            say(f"{len(bits):,} of {len(text):,} characters, {duration_text(left)} left")
    mean = math.fsum(bits) / len(bits)
    context = f"the text is forgotten every {_COLD_WINDOW}" if arguments.cold else "read once"
    lines = {
        "characters": f"{len(bits):,}, {context}",
        "nats": f"{mean * math.log(2):.4f} per character",
        "bits": f"{mean:.4f} per character",
    }
    table(lines, sys.stdout)
    return 0


def _load(name: str) -> Predictor:
    """Returns the function MODULE:FUNCTION."""
    module_name, separator, function = name.partition(":")
    if not separator or module_name[:1] in ("", "."):
        raise UsageError(f"{name!r} is not MODULE:FUNCTION: write for example my_model:predict")
    sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise UsageError(f"cannot import {module_name!r}: there is no module {error.name!r}") from error
    predict: Predictor | None = getattr(module, function, None)
    if not callable(predict):
        raise UsageError(f"the module {module_name!r} has no function {function!r}")
    return predict


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


def _surprisal(found: Mapping[str, float], character: str, position: int) -> float:
    where = f"at position {position:,} of the text"
    try:
        values = [float(value) for value in found.values()]
        probability = float(found.get(character, 0.0))
    except (AttributeError, TypeError, ValueError) as error:
        raise UsageError(f"{where} the function must return a dict of numbers ({error})") from error
    if not all(value >= 0 for value in values):
        raise UsageError(f"{where} a probability is {min(values)}: it must be from 0 to 1")
    if abs((total := math.fsum(values)) - 1) > _TOLERANCE:
        raise UsageError(f"{where} the probabilities sum to {total:.6g}: they must sum to 1")
    if probability == 0:
        raise UsageError(f"{where} {character!r} has the probability 0, an infinite loss: give it a small one")
    return -math.log2(probability)
