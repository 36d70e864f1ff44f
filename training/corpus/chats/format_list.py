"""Recognises which chat export a file is, and reads its messages.

A text format has `recognises(head)` and `messages(text)`. A JSON format has `conversations(value)`, which returns None
for the values of other formats, and `HINT`, which is found in the beginning of a large file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..decode import CorpusError
from .formats import (
    chatgpt,
    claude,
    discord,
    instructions,
    irc,
    json_messages,
    line,
    messenger_instagram,
    named_lines,
    signal,
    slack,
    telegram,
    whatsapp,
)
from .message import Message
from .values import begins_like_json, is_whole_json, json_values

_TEXT_FORMATS = (whatsapp, discord, line, signal, irc, named_lines)  # the first one that recognises a text reads it
_JSON_FORMATS = (
    telegram,
    slack,
    discord,
    messenger_instagram,
    chatgpt,
    claude,
    instructions,
)  # `json_messages` reads all other values


def chat_kind(head: str) -> str:
    """Returns which chat export a file that begins with `head` looks like, in words; "" for none.

    Plain lines of `Name: text` do not count: a play has them, too.
    """
    first = next((line for line in head.split("\n") if line.strip()), "")
    if not is_json(head):
        return next((each.KIND for each in _TEXT_FORMATS if each is not named_lines and each.recognises(head)), "")
    if found := next((each.KIND for each in _JSON_FORMATS if each.HINT.search(head)), ""):
        return found
    if not is_whole_json(first):
        return ""
    groups = json_messages.conversations(json_values(first, ""))
    return json_messages.KIND if any(message.speaker and message.text for group in groups for message in group) else ""


def is_json(text: str) -> bool:
    """Returns whether a text begins like JSON, and not like an export in text form, which may begin with a bracket."""
    head = text[:1000].lstrip()
    return begins_like_json(head) and not (whatsapp.recognises(head) or line.recognises(head) or irc.recognises(head))


def conversations(text: str, label: str) -> Iterator[Iterable[Message]]:
    """Yields the messages of one conversation at a time.

    Raises:
        CorpusError: the file is no chat export, or is damaged.
    """
    if is_json(text):
        yield from _json_conversations(text, label)
        return
    found = next((each for each in _TEXT_FORMATS if each.recognises(text[:20_000])), None)
    if found is None:
        number = next((number for number, line in enumerate(text.split("\n"), 1) if line.strip()), 1)
        raise CorpusError(
            f"{label}, line {number}, does not begin like a chat (31/12/2021, 23:59 - Anna: Hello, or Anna: Hello), "
            "and the file is not JSON: give the chat as the messenger exported it, or omit --chat"
        )
    yield found.messages(text)


def _json_conversations(text: str, label: str) -> Iterator[Iterable[Message]]:
    consecutive: list[object] = []
    for value in json_values(text, label):
        found = next((found for each in _JSON_FORMATS if (found := each.conversations(value)) is not None), None)
        if found is None:
            consecutive.append(value)
            continue
        yield from json_messages.conversations(consecutive)
        consecutive = []
        yield from found
    yield from json_messages.conversations(consecutive)
