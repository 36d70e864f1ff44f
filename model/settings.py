"""Generation settings: one table with the name, bounds, default, label and help of each; devices and precisions.

`SamplingParams` declares every setting once. Its checks, the options of `python -m model generate`, the arguments
of the API, the controls of both pages, the parameters of links and web/settings.json are derived from the table
`SETTINGS`. Importing this module does not load torch.
"""

from __future__ import annotations

import reprlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, NamedTuple, TypedDict

DEVICES = ("cuda", "mps", "cpu")  # of PyTorch, the fastest first
Precision = Literal["int8", "float32"]  # int8: quantized weights, the same text on every machine
MAX_SEED = 2**32 - 1
MAX_LENGTH = 10_000_000
MAX_TITLE = 60  # characters of the title of a page
# The text that a page shows before the first prompt: its length in characters, and the seeds that are tried in turn.
WELCOME_LENGTH, WELCOME_SEEDS = 240, range(10, 18)


class UsageError(ValueError):
    """A value or an option that a user gave is not allowed. The message is one line: what is wrong, and what to do."""


class Slider(NamedTuple):
    """The range of a setting's slider, which may be narrower than the allowed range."""

    minimum: float
    maximum: float
    step: float


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One number, text or flag that a user may set."""

    type: type  # float, int, bool or str
    default: Any  # the value if it is not given; None for a seed that is drawn, and for the blend's own share
    help: str  # one line for the page, the command line and the API, with the unit
    label: str = ""  # its name on the page; "" if the page does not show it
    minimum: float = 0  # the smallest allowed value
    maximum: float | None = None  # the largest allowed value, or length of a text; None when there is no bound
    exclusive_minimum: bool = False  # whether the minimum itself is not allowed
    slider: Slider | None = None  # the range of its slider; None when the page has no slider for it
    filters: bool = False  # whether it removes unlikely characters before the draw
    name: str = ""  # the name of the field, the argument and the link parameter

    @property
    def rule(self) -> str:
        """The allowed values, such as "a number from 0 to 5"."""
        if self.type is str:
            return f"a text of at most {self.maximum} characters"
        if self.type is bool:
            return "true or false"
        kind = "a whole number" if self.type is int else "a number"
        if self.maximum is None:
            return f"{kind} of at least {self.minimum}"
        if self.exclusive_minimum:
            return f"{kind} above {self.minimum}, at most {self.maximum:,}"
        return f"{kind} from {self.minimum} to {self.maximum:,}"

    def check(self, value: object) -> None:
        """Raises UsageError unless the value is allowed; the message has the name, the value and the rule."""
        if not self._allows(value):
            raise UsageError(f"{self.name} is {shorten(value)}: it must be {self.rule}")

    def _allows(self, value: object) -> bool:
        if self.type is str:
            return isinstance(value, str) and (self.maximum is None or len(value) <= self.maximum)
        if self.type is bool:
            return isinstance(value, bool)
        kinds = (int,) if self.type is int else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds) or value != value:  # NaN
            return False
        above = value > self.minimum if self.exclusive_minimum else value >= self.minimum
        return above and (self.maximum is None or value <= self.maximum)


def check_value(name: str, value: object, kind: type, minimum: float = 0, maximum: float | None = None) -> None:
    """Raises UsageError, with the name, the value and the rule, unless a value is of a kind and within its bounds."""
    Setting(type=kind, default=None, help="", minimum=minimum, maximum=maximum, name=name).check(value)


def draw_seed() -> int:
    """Returns a random seed from the operating system."""
    return secrets.randbelow(MAX_SEED + 1)


def setting_field(setting: Setting, default_factory: Callable[[], Any] | None = None) -> Any:
    """Returns the dataclass field of a setting, with its default."""
    if default_factory:
        return field(default_factory=default_factory, metadata={"setting": setting})
    return field(default=setting.default, metadata={"setting": setting})


def settings_of(declared: type) -> dict[str, Setting]:
    """Returns the settings by name of a dataclass whose fields were made by `setting_field`."""
    return {each.name: replace(each.metadata["setting"], name=each.name) for each in fields(declared)}


@dataclass(frozen=True, kw_only=True)
class SamplingParams:
    """The settings with which a reply is sampled. `SETTINGS` has the help and the bounds of each field.

    Raises:
        UsageError: a value is not allowed; the message has the field, the value and the rule.
    """

    temperature: float = setting_field(
        Setting(
            type=float,
            default=0.8,
            maximum=5,
            slider=Slider(0, 2, 0.05),
            label="Temperature",
            help="0 = calm, always the most likely character; 1 = as trained; 2 = wild; at most 5",
        )
    )
    length: int = setting_field(
        Setting(
            type=int,
            default=500,
            minimum=1,
            maximum=MAX_LENGTH,
            slider=Slider(1, 10_000, 1),
            label="Length",
            help="number of characters per reply",
        )
    )
    top_k: int = setting_field(
        Setting(
            type=int,
            default=0,
            slider=Slider(0, 100, 1),
            filters=True,
            label="Top-k",
            help="keep only the k most likely characters; 0 = all",
        )
    )
    top_p: float = setting_field(
        Setting(
            type=float,
            default=1.0,
            exclusive_minimum=True,
            maximum=1,
            slider=Slider(0.01, 1, 0.01),
            filters=True,
            label="Top-p",
            help="keep the most likely characters whose probabilities add up to p; 1 = all",
        )
    )
    min_p: float = setting_field(
        Setting(
            type=float,
            default=0.0,
            maximum=1,
            slider=Slider(0, 1, 0.01),
            filters=True,
            label="Min-p",
            help="keep only characters at least p times as likely as the most likely one; 0 = all",
        )
    )
    seed: int = setting_field(
        Setting(
            type=int,
            default=None,
            maximum=MAX_SEED,
            label="Seed",
            help="the same seed and settings give the same text; random if omitted",
        ),
        draw_seed,
    )
    stop: str = setting_field(
        Setting(type=str, default="", maximum=100, label="Stop", help="the reply ends before this text; empty = never")
    )
    share: float | None = setting_field(
        Setting(
            type=float,
            default=None,
            maximum=1,
            slider=Slider(0, 1, 0.05),
            label="Blend",
            help="weight of the second model: 0 = only the first model, 1 = only the second",
        )
    )

    def __post_init__(self) -> None:
        for name, setting in SETTINGS.items():
            value = getattr(self, name)
            if value is not None or name != "share":
                setting.check(value)


class Settings(TypedDict, total=False):
    """The fields of `SamplingParams` that may be left out of a call, but length and seed."""

    temperature: float
    top_k: int
    top_p: float
    min_p: float
    stop: str
    share: float | None


SETTINGS = settings_of(SamplingParams)


def shorten(value: object) -> str:
    """Returns a value for an error message: cut if it is long, and always on one line."""
    if isinstance(value, int) and abs(value) >= 10**20:
        return "a number of over 20 digits"
    try:
        return " ".join(reprlib.repr(value).split())
    except ValueError:  # Python refuses to print integers of over 4,300 digits, inside a list too
        return f"a {type(value).__name__}"


def number_or_text(text: str) -> object:
    """Returns an argument as an int or float; unchanged if it is neither, so that `Setting.check` refuses it."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
