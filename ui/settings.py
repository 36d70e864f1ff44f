"""Checks the values that a page, a program or a link sends, and turns them into settings or one clear refusal.

Gradio lets NaN, ``true``, null, lists, values off a slider's steps and texts of any size through, and its endpoints
can be called without a page, so every value is checked here. The bounds are those of ``model.settings.SETTINGS``, with
a smaller length, because anyone may send a request.

``python -m tests.support.browser_settings`` writes the same table for the browser.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from model import LSTMConfig, clamps
from model.clamps import MAX_CLAMPS, Clamps
from model.settings import SETTINGS, SamplingParams, Setting, Slider, shorten

from .messages import Message, RefusalError

MAX_PROMPT = 20_000  # characters
MAX_LENGTH = 10_000  # characters
MAX_LINK = 8_000  # characters of a link's parameters; a longer link is refused
MAX_STEPS = 50  # turns and continuations of a link
MAX_TEXT = 100_000  # characters of a conversation that a model reads
MAX_COLUMNS = 256  # characters of a layer's picture in one answer
MAX_LOGITS = 4096  # of one character that are sent: in a larger vocabulary the others have no weight
TOP = 8  # most likely characters that are sent by name
MAX_STEP_CELLS = 512  # first cells of a layer that the lens "One letter at a time" shows
DEADLINE_S = 300.0  # of one reply, the time in the queue included

MAX_SPEED = 200
SPEED = Setting(
    type=float,
    default=60,  # an LSTM writes thousands of characters a second: without a limit a reply appears at once
    minimum=5,
    maximum=MAX_SPEED,
    slider=Slider(5, MAX_SPEED, 5),
    label="Speed",
    help="characters per second; 200 = as fast as it can",
    name="speed",
)

PAGE_SETTINGS: dict[str, Setting] = {
    "temperature": SETTINGS["temperature"],
    "length": replace(SETTINGS["length"], maximum=MAX_LENGTH),
    "speed": SPEED,
    **{name: setting for name, setting in SETTINGS.items() if name not in ("temperature", "length")},
}
_NULL_IS_DEFAULT = ("seed", "stop", "share")
_HEX = re.compile("[0-9a-f]{8,64}")


def check_params(values: Mapping[str, object]) -> SamplingParams:
    """Returns sampling parameters from values by name; a missing setting has its default, and a seed is drawn.

    Raises:
        RefusalError: a value is not allowed.
    """
    checked: dict[str, Any] = {}
    for name, value in values.items():
        if value is None and name in _NULL_IS_DEFAULT:
            continue
        setting = PAGE_SETTINGS[name]
        checked[name] = _checked(setting, whole(value) if setting.type is int else value)
    return SamplingParams(**checked)


def rule_of(setting: Setting) -> Message:
    """Returns what a setting allows, for visitors: ``Setting.rule`` as a message."""
    if setting.type is str:
        return Message("rule.short_text", most=int(setting.maximum or 0))
    if setting.maximum is None:
        return Message("rule.whole.least", low=setting.minimum)
    whole = "rule.whole" if setting.type is int else "rule.number"
    id = "rule.number.above" if setting.exclusive_minimum else whole
    return Message(id, low=setting.minimum, high=setting.maximum)


def refused(field: str, value: object, allowed: Message | str) -> RefusalError:
    """Returns the refusal of a value, with what is allowed."""
    return RefusalError("refusal.value", field=field, value=shorten(value), allowed=allowed)


def check_text(field: str, text: object, most: int = MAX_PROMPT) -> str:
    """Returns the value of an argument that must be a text.

    Raises:
        RefusalError: the value is not a text, or has more than ``most`` characters.
    """
    if not isinstance(text, str):
        raise refused(field, text, Message("rule.text"))
    if len(text) > most:
        raise RefusalError("refusal.characters", field=field, length=len(text), most=most)
    return text


def check_whole(field: str, value: object, low: int = 0, high: int | None = None) -> int:
    """Returns a whole number from ``low`` to ``high``; without ``high``, of any size.

    Raises:
        RefusalError: the value is not a whole number, or out of range.
    """
    number = whole(value)
    if type(number) is int and low <= number and (high is None or number <= high):
        return number
    least = Message("rule.whole.least", low=low)
    raise refused(field, value, least if high is None else Message("rule.whole", low=low, high=high))


def check_clamps(value: object, config: LSTMConfig) -> Clamps:
    """Returns the clamps that a page, a link or a program sends, checked against the sizes of a model.

    Raises:
        RefusalError: there are too many, a cell does not exist, or a value is not allowed.
    """
    given = value if isinstance(value, list | tuple) else [value]
    if len(given) > MAX_CLAMPS:
        raise RefusalError("refusal.too_many_clamps", most=MAX_CLAMPS)
    try:
        plain: Any = [[whole(each) for each in clamp] if isinstance(clamp, list) else clamp for clamp in given]
        return clamps.check_clamps(plain, config)
    except ValueError as error:
        reason = str(error)
        reason = reason.removeprefix("a clamp ") if reason.startswith("a clamp is ") else f"is not allowed: {reason}"
        raise RefusalError("refusal.other", field="hold", reason=reason) from None


def check_speed(speed: object) -> float | None:
    """Returns the speed in characters per second; None is full speed.

    Raises:
        RefusalError: the value is not a number from 5 to ``MAX_SPEED``.
    """
    number = float(_checked(SPEED, speed))
    return None if number >= MAX_SPEED else number


def _checked(setting: Setting, value: Any) -> Any:
    try:
        setting.check(value)
    except ValueError as error:
        raise refused(setting.name, value, rule_of(setting)) from error
    return value


def whole_variable(environment: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    """Returns a whole number in an environment variable; an empty variable has the default.

    Raises:
        ValueError: it is another text, or out of range.
    """
    text = environment.get(name, "").strip() or str(default)
    if not (text.isascii() and text.isdecimal() and len(text) <= 10 and low <= int(text) <= high):
        raise ValueError(f"{name} is {text!r:.40}: it must be a whole number from {low:,} to {high:,}")
    return int(text)


def whole(value: object) -> object:
    """Returns 12.0 as 12, because JavaScript and JSON have one kind of number; any other value unchanged."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class Fields:
    """The fields of a JSON object that a client sends, each checked when it is read. null is a missing field.

    Each method raises RefusalError for a field that is not allowed, or missing without a default.

    Args:
        values: the fields by name.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values

    def __contains__(self, name: str) -> bool:
        return self.values.get(name) is not None

    def text(self, name: str, default: str | None = None, *, most: int = MAX_PROMPT) -> str:
        """Returns a text of at most so many characters."""
        return check_text(name, self.values[name] if name in self else default, most)

    def whole(self, name: str, low: int = 0, high: int | None = None, default: int | None = None) -> int:
        """Returns a whole number from ``low`` to ``high``."""
        return check_whole(name, self.values[name] if name in self else default, low, high)

    def flag(self, name: str) -> bool:
        """Returns true or false; false if it is missing."""
        return bool(self._of(bool, name, "true or false", False))

    def hex(self, name: str) -> str:
        """Returns an id that a client has drawn at random."""
        value = self.values.get(name)
        if not isinstance(value, str) or not _HEX.fullmatch(value):
            raise refused(name, value, "8 to 64 hex digits")
        return value

    def list(self, name: str, most: int) -> list[Any]:
        """Returns a list of at most so many values; an empty one if it is missing."""
        values: list[Any] = self._of(list, name, "a list", [])
        if len(values) > most:
            raise refused(name, values, f"a list of at most {most:,} values")
        return values

    def object(self, name: str) -> Fields:
        """Returns an object."""
        return Fields(self._of(dict, name, "an object", None))

    def _of(self, type_: type, name: str, allowed: str, default: Any) -> Any:
        value = self.values[name] if name in self else default
        if not isinstance(value, type_):
            raise refused(name, value, allowed)
        return value


def parse_json(body: bytes) -> Fields:
    """Returns the fields of the JSON object in a body.

    Raises:
        RefusalError: it is not one.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise RefusalError("refusal.malformed", reason="it is not a JSON object")
    return Fields(value)
