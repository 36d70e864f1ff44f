"""Reads the text that sigtop writes of the chats of Signal Desktop: of each message some fields, then its text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..message import CALLS, DELETED, MEDIA, NOTICES, Message, left_out, written

KIND = "a Signal export"
_FIELD = re.compile(
    r"(?P<name>Conversation|From|To|Type|Sent|Received|Edited|Attachment|Reaction|Quote|Call|Deleted): ?(?P<value>.*)"
)
_NUMBER = re.compile(r"\s*\((?:\+?[\d ]{5,20}|[0-9a-f-]{36})\)$")
_TYPES = ("incoming", "outgoing")


def recognises(head: str) -> bool:
    """Returns whether a text begins like an export: `Conversation: …`, then `From: …` and `Type: …`."""
    return bool(re.match(r"\s*(?:Conversation: .*\s+)?From: .*\n(?:To: .*\n)?Type: ", head))


def messages(text: str) -> Iterator[Message]:
    """Yields the messages of an export."""
    fields: dict[str, str] = {}
    lines: list[str] = []
    is_head = True  # a message begins with `From:` after an empty line
    previous = ""
    for line in text.split("\n"):
        field = _FIELD.fullmatch(line)
        if field and field["name"] == "From" and not previous.strip():
            if fields.get("From"):
                yield _message(fields, lines)
            fields, lines, is_head = {"From": field["value"]}, [], True
        elif is_head and field:
            fields[field["name"]] = field["value"]
        elif is_head and not line.strip():
            is_head = not fields.get("From")
        elif fields.get("From"):
            is_head = False
            lines.append(line)
        previous = line
    if fields.get("From"):
        yield _message(fields, lines)


def _message(fields: dict[str, str], lines: list[str]) -> Message:
    kind = fields.get("Type", "incoming")
    if "Deleted" in fields:
        return left_out(DELETED)
    if kind not in _TYPES:
        return left_out(CALLS if "call" in kind else NOTICES)
    found = written(_NUMBER.sub("", fields["From"]), "\n".join(lines))
    return left_out(MEDIA) if not found.text and "Attachment" in fields else found
