"""Reads the welcome text in config.json, which an empty page shows before the weights are loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def stored_welcome(training: Mapping[str, Any]) -> tuple[str, int]:
    """Returns the text, cut after a word or a line, and the seed that it was written with; ("", 0) if none is stored.

    Args:
        training: the field of config.json.
    """
    stored = training.get("welcome")
    text, seed = (stored.get("text"), stored.get("seed")) if isinstance(stored, dict) else (None, None)
    if not isinstance(text, str) or type(seed) is not int:
        return "", 0
    return whole_lines(text), seed


def whole_lines(text: str) -> str:
    """Returns a text cut at its last line end, or else at its last space, if over half of it is left then.

    Line ends at the end of the text are removed first.
    """
    text = text.rstrip("\n")
    cut = max(text.rfind("\n"), text.rfind(" ") if "\n" not in text[len(text) // 2 :] else -1)
    return text[:cut] if cut > len(text) // 2 else text
