"""Raw values from a page or a program, turned into settings or refused in one clear line.

Nothing that arrives is believed: Gradio lets NaN, ``true``, null, lists, values off a slider's steps and texts of
any size through, and its endpoints can be called by hand. The bounds of the model itself are those of
``SamplingParams``; here are those of serving strangers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from model.settings import SamplingParams, draw_seed, shorten

MAX_PROMPT = 20_000
MAX_LENGTH = 10_000
DEADLINE_S = 300.0  # a reply's longest time, waiting included

DEFAULT_SPEED = 60  # characters a second: an LSTM writes thousands, and a reply would flash up
MIN_SPEED, MAX_SPEED = 5, 200  # MAX_SPEED is not a speed: it is as fast as it can

LABELS = {
    "prompt": "Prompt",
    "text": "Text",
    "model": "Model",
    "temperature": "Temperature",
    "length": "Length",
    "top_k": "Top-k",
    "top_p": "Top-p",
    "speed": "Speed",
    "seed": "Seed",
    "share": "Blend",
    "hold": "Hold",
}


class RefusalError(ValueError):
    """What was asked for is not done. The message is one line for the person who asked.

    Attributes:
        field: the argument at fault; "" when it is none of them.
        reason: the rest of the line, which goes on from the field's name.
    """

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        self.reason = reason
        super().__init__(f"{field} {reason}".strip())

    @property
    def on_page(self) -> str:
        """The same line with the field's name as the page shows it."""
        return f"{LABELS.get(self.field, self.field)} {self.reason}".strip()


@dataclass(frozen=True)
class RawSettings:
    """How a reply should be written, as it arrived: any type, any value."""

    length: object
    temperature: object
    top_k: object
    top_p: object
    seed: object = None
    stop: object = ""
    share: object = None

    def check(self) -> SamplingParams:
        """The settings, with a seed drawn if none was given.

        Raises:
            RefusalError: a value is not allowed.
        """
        length, seed = whole(self.length), whole(self.seed)
        if type(length) is not int or not 1 <= length <= MAX_LENGTH:
            raise RefusalError("length", f"is {shorten(length)}: it must be a whole number from 1 to {MAX_LENGTH:,}")
        try:
            return SamplingParams(
                length=length,
                temperature=self.temperature,  # type: ignore[arg-type]  # checked there
                top_k=whole(self.top_k),  # type: ignore[arg-type]
                top_p=self.top_p,  # type: ignore[arg-type]
                seed=draw_seed() if seed is None else seed,  # type: ignore[arg-type]
                stop="" if self.stop is None else self.stop,  # type: ignore[arg-type]
                share=self.share,  # type: ignore[arg-type]
            )
        except ValueError as error:
            field, _, reason = str(error).partition(" ")
            raise RefusalError(field, reason) from None


def check_text(field: str, text: object, most: int = MAX_PROMPT) -> str:
    """A prompt, or a text to score: refused by its size before anything looks into it.

    Raises:
        RefusalError: it is not a text, or too long.
    """
    if not isinstance(text, str):
        raise RefusalError(field, f"is {shorten(text)}: it must be a text")
    if len(text) > most:
        raise RefusalError(field, f"has {len(text):,} characters: at most {most:,} are allowed")
    return text


def check_index(field: str, value: object, count: int) -> int:
    """One of so many things, counted from 0.

    Raises:
        RefusalError: it is no whole number, or there are not so many.
    """
    index = whole(value)
    if type(index) is not int or not 0 <= index < count:
        raise RefusalError(field, f"is {shorten(value)}: it must be a whole number from 0 to {count - 1}")
    return index


def check_speed(speed: object) -> float | None:
    """The pace in characters a second; None is as fast as it can.

    Raises:
        RefusalError: it is not a number from ``MIN_SPEED`` to ``MAX_SPEED``.
    """
    number = speed if isinstance(speed, int | float) and not isinstance(speed, bool) else math.nan
    if not MIN_SPEED <= number <= MAX_SPEED:
        allowed = f"a number from {MIN_SPEED} to {MAX_SPEED}, which is as fast as it can"
        raise RefusalError("speed", f"is {shorten(speed)}: it must be {allowed}")
    return None if number >= MAX_SPEED else float(number)


def whole(value: object) -> object:
    """12.0 as 12: JavaScript and JSON know only one kind of number. Everything else as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
