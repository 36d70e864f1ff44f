"""Reads conversations.json of Claude's data export."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..message import MEDIA, Message, left_out, written
from ..values import records_in, string

KIND = "an export of Claude"
HINT = re.compile(r'"chat_messages": ?\[')


def conversations(value: object) -> Iterator[list[Message]] | None:
    """Returns the messages of each conversation; None if a value is no export of Claude."""
    records = records_in(value) if isinstance(value, list) else [value] if isinstance(value, dict) else []
    if not records or not all(isinstance(each.get("chat_messages"), list) for each in records):
        return None
    return ([_message(each) for each in records_in(record, "chat_messages")] for record in records)


def _message(record: dict[str, object]) -> Message:
    parts = [string(part, "text") for part in records_in(record, "content") if part.get("type", "text") == "text"]
    text = "\n".join(part for part in parts if part) or string(record, "text")
    found = written(string(record, "sender"), text)
    return left_out(MEDIA) if not found.text and (record.get("attachments") or record.get("files")) else found
