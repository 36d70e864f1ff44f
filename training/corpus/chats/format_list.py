"""Recognises which chat export a file is, and reads its messages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ..decode import CorpusError
from .json_formats import json_conversations, json_values
from .line_formats import LINE_FORMATS, LineFormat
from .message import FORMATS, Message, unmarked


def chat_kind(head: str) -> str:
    """Returns which chat export a file that begins with `head` looks like, in words; "" for none.

    Plain lines of `Name: text` do not count: a play has them, too.
    """
    if found := _line_format(head):
        return found.kind
    if not _begins_like_json(head):
        return ""
    if kind := next((kind for kind, sign in FORMATS["signs"].items() if re.search(sign, head)), ""):
        return str(kind)
    try:
        groups = [*json_conversations(json_values(head.strip().partition("\n")[0], ""))]
    except (CorpusError, RecursionError):
        return ""
    return "a chat in JSON lines" if any(each.speaker and each.text for group in groups for each in group) else ""


def conversations(text: str, label: str) -> Iterator[Iterable[Message]]:
    """Yields the messages of one conversation at a time; CorpusError if the file is no chat export, or is damaged."""
    if found := _line_format(text[:20_000]):
        yield found.messages(text)
    elif _begins_like_json(text):
        try:
            yield from json_conversations(json_values(text, label))
        except RecursionError:
            raise CorpusError(f"{label} is nested too deeply for a chat: give it as it was exported") from None
    else:
        number = next((number for number, line in enumerate(text.split("\n"), 1) if line.strip()), 1)
        raise CorpusError(
            f"{label}, line {number}, does not begin like a chat (31/12/2021, 23:59 - Anna: Hello, or Anna: Hello), "
            "and the file is not JSON: give the chat as the messenger exported it, or omit --chat"
        )


def _line_format(head: str) -> LineFormat | None:
    beginning = "\n".join(line for line in unmarked(head).split("\n") if line.strip())
    return next((each for each in LINE_FORMATS if each.begins(beginning)), None)


def _begins_like_json(text: str) -> bool:
    return re.match(r"\s*[{\[]", text) is not None
