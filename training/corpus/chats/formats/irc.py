"""Reads the logs of IRC clients such as irssi, WeeChat, HexChat and mIRC: `07:04 <anna> hello`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..message import NOTICES, Message, left_out, written

KIND = "an IRC log"
_TIME = r"(?:\[?(?:\d{4}-\d\d-\d\d[T ]|[A-Z][a-z]{2} \d\d )?\d{1,2}:\d\d(?::\d\d)?\]?\s+)?"
_SPOKEN = re.compile(rf"{_TIME}<[ @+%&~!]?(?P<name>[^\s<>]{{1,30}})>\s?(?P<text>.*)")
_COLUMNS = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\t[@+%&~]?(?P<name>[^\t\s]{1,30})\t(?P<text>.*)")  # WeeChat
_ACTION = re.compile(rf"{_TIME}(?:\* |\s\*\t)(?P<name>[^\s<>*]{{1,30}}) (?P<text>.+)")
_NOTICE = re.compile(rf"{_TIME}(?:\*\*\*|-!-|---|-->|<--|==)\s.*|\*\*\*\* .*")
_ARROWS = ("-->", "<--", "--", "=!=")
_JOINS = re.compile(r"\(?[^\s]+\)? has (?:joined|left|quit)\b.*|.*\bsets mode\b.*|is now known as .*")


def recognises(head: str) -> bool:
    """Returns whether half of the first lines, and at least two, are lines of a log, and one of them is a message."""
    lines = [line for line in head.split("\n") if line.strip()][:20]
    found = [_spoken(line) is not None or bool(_NOTICE.fullmatch(line)) for line in lines]
    return sum(found) >= max(2, len(lines) / 2) and any(_spoken(line) for line in lines)


def messages(text: str) -> Iterator[Message]:
    """Yields the messages of a log. `* anna waves` is the text `/me waves`, as it was typed."""
    for line in text.split("\n"):
        if not line.strip():
            continue
        spoken = _spoken(line)
        if spoken is None or spoken["name"] in _ARROWS:
            action = _ACTION.fullmatch(line)
            if action and not _JOINS.fullmatch(action["text"]):
                yield written(action["name"], f"/me {action['text']}")
            else:
                yield left_out(NOTICES)
        else:
            yield written(spoken["name"], spoken["text"])


def _spoken(line: str) -> re.Match[str] | None:
    return _SPOKEN.fullmatch(line) or _COLUMNS.fullmatch(line)
