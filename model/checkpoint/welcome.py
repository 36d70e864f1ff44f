"""The welcome text of a model, as ``config.json`` stores it: shown on an empty page before the weights are loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def stored_welcome(training: Mapping[str, Any]) -> tuple[str, int]:
    """Returns the text, cut after a word or a line, and the seed that it was written with; ("", 0) if none is stored.

    Args:
        training: the field of ``config.json``.
    """
    stored = training.get("welcome")
    text, seed = (stored.get("text"), stored.get("seed")) if isinstance(stored, dict) else (None, None)
    if not isinstance(text, str) or type(seed) is not int:
        return "", 0
    return whole_lines(text), seed


def whole_lines(text: str) -> str:
    """Returns a text without line ends at its end, and without its last line, or its last word, if half of it stays."""
    text = text.rstrip("\n")
    cut = max(text.rfind("\n"), text.rfind(" ") if "\n" not in text[len(text) // 2 :] else -1)
    return text[:cut] if cut > len(text) // 2 else text
