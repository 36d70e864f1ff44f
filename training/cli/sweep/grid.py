"""Reads `--over "hidden_size=256,384 lr=3e-3,6e-3"`: settings of the recipe, and the values that each is tried with."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping

from model.cli.arguments import UsageError, nearest
from model.settings import number_or_text, shorten

from ...learner.recipe import RECIPE_SETTINGS

Value = bool | int | float
Settings = Mapping[str, Value]  # one combination: a value for each field of `Recipe` that is tried
Axes = Mapping[str, tuple[Value, ...]]
MAX_COMBINATIONS = 1000
_BOOLEANS = {"true": True, "false": False}


def parse_over(typed: str) -> Axes:
    """Returns the values of each setting by the name of its field in `Recipe`, in the order in which they were typed.

    Raises:
        UsageError: a name or a value is not allowed, or is given twice; or there are too many combinations.
    """
    axes: dict[str, tuple[Value, ...]] = {}
    for word in typed.split():
        name, equals, values = word.partition("=")
        field = name.lstrip("-").replace("-", "_")
        if not equals:
            raise UsageError(f"--over is {shorten(typed)}: {shorten(word)} lacks its values: write NAME=VALUE,VALUE")
        if field not in RECIPE_SETTINGS:
            near = nearest(field, RECIPE_SETTINGS)
            hint = f"did you mean {near}?" if near else f"it must be one of {', '.join(RECIPE_SETTINGS)}"
            raise UsageError(f"--over: there is no setting {shorten(name)}: {hint}")
        if field in axes:
            raise UsageError(f"--over: {field} is given twice: write {field}=VALUE,VALUE once")
        axes[field] = tuple(_parse_value(field, value) for value in values.split(","))
        if len(set(axes[field])) < len(axes[field]):
            raise UsageError(f"--over: {field}={values} has a value twice: omit one")
    if not axes:
        raise UsageError('--over needs settings and their values, such as --over "hidden_size=256,384 lr=3e-3,6e-3"')
    if (count := math.prod(map(len, axes.values()))) > MAX_COMBINATIONS:
        raise UsageError(f"--over has {count:,} combinations: at most {MAX_COMBINATIONS:,} are allowed")
    return axes


def combinations(axes: Axes) -> list[Settings]:
    """Returns each combination of the values; the last setting changes fastest."""
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def label(settings: Settings, separator: str = " ") -> str:
    """Returns the settings as they are typed after --over, such as `hidden_size=256 lr=0.003`."""
    return separator.join(f"{name}={str(value).lower()}" for name, value in settings.items())


def _parse_value(field: str, typed: str) -> Value:
    value = _BOOLEANS.get(typed.lower()) if RECIPE_SETTINGS[field].type is bool else number_or_text(typed)
    try:
        RECIPE_SETTINGS[field].check(typed if value is None else value)
    except ValueError as error:
        raise UsageError(f"--over: {error}") from None
    return value  # type: ignore[return-value]  # a number or a boolean: `check` allows nothing else
