"""Reads result.json of Telegram Desktop, of one chat or of all chats."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..message import FORWARDS, LOCATIONS, MEDIA, NOTICES, PINS, POLLS, Message, left_out, written
from ..values import plain, records_in, string

KIND = "a Telegram export"
HINT = re.compile(r'"type": ?"\w+_(?:chat|group|supergroup|channel)"[\s\S]*"messages"')
_CHAT = re.compile(r"\w+_(?:chat|group|supergroup|channel)|saved_messages")
_MEDIA = ("photo", "file", "media_type", "contact_information")


def conversations(value: object) -> Iterator[list[Message]] | None:
    """Returns the messages of each chat; None if a value is no export of Telegram."""
    if not isinstance(value, dict):
        return None
    if isinstance(value.get("chats"), dict):
        return (
            [_message(each) for each in records_in(chat, "messages")] for chat in records_in(value["chats"], "list")
        )
    if _CHAT.fullmatch(string(value, "type")) and isinstance(value.get("messages"), list):
        return iter([[_message(each) for each in records_in(value, "messages")]])
    return None


def _message(record: dict[str, object]) -> Message:
    if record.get("type") == "service":
        return left_out(PINS if record.get("action") == "pin_message" else NOTICES)
    if record.get("forwarded_from") or "forwarded_from_id" in record:
        return left_out(FORWARDS)
    if "poll" in record:
        return left_out(POLLS)
    if "location_information" in record or "place_name" in record:
        return left_out(LOCATIONS)
    name = record.get("from")
    found = written("Deleted Account" if name is None else str(name), plain(record.get("text", "")))
    return left_out(MEDIA) if not found.text and any(key in record for key in _MEDIA) else found
