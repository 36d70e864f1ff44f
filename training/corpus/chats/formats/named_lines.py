"""Reads plain lines of `Name: text`, and lines that continue a message."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from ..message import MAX_NAME, Message, written

KIND = "a chat in lines of Name: text"
_LINE = re.compile(rf"(?P<name>[^\W_][^:\n\t]{{0,{MAX_NAME - 1}}}):(?: (?P<text>.*)|$)")
_MAX_WORDS = 3  # of a name that occurs once; "Once upon a time: …" is no message


def recognises(head: str) -> bool:
    """Returns whether the first line is `Name: text`."""
    lines = [line for line in head.split("\n") if line.strip()]
    return bool(lines) and _name(lines[0], _counts(lines)) != ""


def messages(text: str) -> Iterator[Message]:
    """Yields the messages. A name occurs at least twice in the text, or has at most three words."""
    lines = text.split("\n")
    counts = _counts(lines)
    name, parts = "", [""]
    for line in lines:
        if found := _name(line, counts):
            if name:
                yield written(name, "\n".join(parts))
            name, parts = found, [line[len(found) + 1 :]]
        else:
            parts.append(line)
    if name:
        yield written(name, "\n".join(parts))


def _counts(lines: list[str]) -> Counter[str]:
    return Counter(found["name"] for line in lines if (found := _LINE.fullmatch(line)))


def _name(line: str, counts: Counter[str]) -> str:
    """Returns the name before the colon of a line; "" if there is none."""
    found = _LINE.fullmatch(line)
    return found["name"] if found and (counts[found["name"]] > 1 or len(found["name"].split()) <= _MAX_WORDS) else ""
