"""Reads JSON lines and lists of instruction and output (Alpaca), of prompt and completion, of question and answer."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..message import Message, written
from ..values import plain, records_in

KIND = "a data set of instructions"
_PAIRS = (
    *(("instruction", "output"), ("instruction", "response"), ("prompt", "completion"), ("prompt", "response")),
    *(("question", "answer"), ("question", "response")),
)
HINT = re.compile("|".join(rf'"{asks}": ?"[\s\S]*"{answers}": ?"' for asks, answers in _PAIRS))


def conversations(value: object) -> Iterator[list[Message]] | None:
    """Returns a conversation of `user` and `assistant` for each record; None if a record has no such pair."""
    records = records_in(value) if isinstance(value, list) else [value] if isinstance(value, dict) else []
    pairs = [_pair(each) for each in records]
    if not pairs or None in pairs:
        return None
    return ([written("user", pair[0]), written("assistant", pair[1])] for pair in pairs if pair)


def _pair(record: dict[str, object]) -> tuple[str, str] | None:
    found = next(((asks, answers) for asks, answers in _PAIRS if asks in record and answers in record), None)
    if found is None:
        return None
    asks, answers = plain(record[found[0]]), plain(record[found[1]])
    return f"{asks}\n{plain(record.get('input'))}", answers
