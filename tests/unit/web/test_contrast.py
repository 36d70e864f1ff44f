"""The characters can be read on every colour of the lenses, and neighbouring colours can be told apart."""

import re
from itertools import pairwise

import pytest

from training.hub.space_files import ROOT

STYLE = (ROOT / "web/document/style.css").read_text("utf-8")
for name, value in re.findall(r"--(b\d): ([^;]+);", STYLE):
    STYLE = STYLE.replace(f"var(--{name})", value)
SCALES = {"surprise": ("b", 5), "below zero": ("n", 4), "above zero": ("p", 4)}
PAIR = r"(?:light-dark\(#(\w+), #(\w+)\)|#(\w+))"  # of a light and a dark page, or of both


def colours(scheme: str, name: str, declared: str) -> list[str]:
    """Return the colours that the rules of a level declare."""
    rules = re.findall(rf"^([^\n]*\.{name}\b[^\n]*) {{\n  {declared}: {PAIR};", STYLE, re.MULTILINE)
    return [both or (light if scheme == "light" else dark) for _, light, dark, both in rules]


def luminance(colour: str) -> float:
    digits = colour if len(colour) == 6 else "".join(2 * digit for digit in colour)
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of WCAG 2, from 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_characters_are_readable_on_every_level(scheme: str, scale: str) -> None:
    letter, count = SCALES[scale]
    levels = [f"{letter}{level}" for level in range(1, count + 1)]
    declared = "background" if letter == "b" else "--value"
    backgrounds = [colour for level in levels for colour in colours(scheme, level, declared)]
    texts = [colour for level in levels for colour in colours(scheme, level, "color")]
    assert all(contrast(*each) >= 5.5 for each in zip(backgrounds, texts, strict=True))
    assert all(contrast(*each) >= 1.15 for each in pairwise(backgrounds))
