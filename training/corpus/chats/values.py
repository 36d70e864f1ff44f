"""Reads the values of JSON files and JSON lines, and fields of any type in them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from ..decode import CorpusError


def json_values(text: str, label: str) -> Iterator[object]:
    """Yields one value per line, or one value for the whole text if its first line is no value.

    Raises:
        CorpusError: the text is not valid JSON, or is nested too deeply.
    """
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    try:
        json.loads(lines[0][1])
    except (ValueError, RecursionError):
        lines = [(1, text)]
    for number, line in lines:
        try:
            yield json.loads(line)
        except RecursionError:
            raise CorpusError(f"{label} is nested too deeply for a chat: give it as it was exported") from None
        except ValueError as error:
            at = number + getattr(error, "lineno", 1) - 1
            what = getattr(error, "msg", "a number is too long")
            raise CorpusError(
                f"{label} is not valid JSON in line {at:,} ({what}): repair it, or give the chat as it was exported"
            ) from None


def plain(text: object) -> str:
    """Returns the text of a string, or of a list of strings and objects with a `text`; "" for any other value."""
    parts = text if isinstance(text, list) else [text]
    found = [part.get("text") if isinstance(part, dict) else part for part in parts]
    return "".join(part for part in found if isinstance(part, str))


def records_in(value: object, key: str = "") -> list[dict[str, object]]:
    """Returns the objects in a list, or in the list at `key` of an object; [] if there is no such list."""
    inside = value.get(key) if key and isinstance(value, dict) else value
    return [each for each in inside if isinstance(each, dict)] if isinstance(inside, list) else []


def string(value: object, *keys: str) -> str:
    """Returns the first string that is not empty at one of the keys of an object; "" if there is none."""
    found = (value.get(key) for key in keys) if isinstance(value, dict) else ()
    return next((each for each in found if isinstance(each, str) and each), "")


def is_whole_json(line: str) -> bool:
    """Returns whether a line is a complete JSON value."""
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def begins_like_json(text: str) -> bool:
    """Returns whether a text begins with a bracket of JSON."""
    return bool(re.match(r"\s*[{\[]", text))
