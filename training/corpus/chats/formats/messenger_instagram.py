"""Reads message_1.json of Messenger and Instagram, from "Download your information" or from an encrypted chat.

Meta writes each UTF-8 byte of a text as a character of its own, so that "é" is "Ã©"; `repaired` undoes this.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..message import CALLS, DELETED, LOCATIONS, MEDIA, NOTICES, POLLS, Message, left_out, written
from ..values import records_in, string

KIND = "a Messenger or Instagram export"
HINT = re.compile(r'"participants": ?\[[\s\S]*"(?:sender_name|senderName)"')
_MEDIA = ("photos", "videos", "audio_files", "gifs", "sticker", "files", "media", "share")
_REACTION = re.compile(
    r"Liked a message|.{1,40} liked a message|Reacted .{1,20} to your message ?"
    r"|.{1,60} (?:sent (?:an attachment|a photo)|unsent a message|(?:created|left|joined) the (?:group|call))\."
    r"|.{1,60} named the group .*"
)
_POLL = re.compile(r"This poll is no longer available\.|.{1,60} (?:created a poll|voted for) .*")


def conversations(value: object) -> Iterator[list[Message]] | None:
    """Returns the messages of a chat in the order in which they were written; None if a value is no export of Meta."""
    if not isinstance(value, dict) or not isinstance(value.get("participants"), list):
        return None
    records = records_in(value, "messages")
    if not any("sender_name" in each or "senderName" in each for each in records):
        return None
    records.sort(key=_time)  # "Download your information" has the newest message first
    return iter([[_message(each) for each in records]])


def _time(record: dict[str, object]) -> float:
    time = record.get("timestamp_ms", record.get("timestamp"))
    return time if isinstance(time, int | float) else 0.0


def _message(record: dict[str, object]) -> Message:
    if record.get("is_unsent") or record.get("isUnsent"):
        return left_out(DELETED)
    if "call_duration" in record:
        return left_out(CALLS)
    text = repaired(string(record, "content", "text"))
    if _POLL.fullmatch(text):
        return left_out(POLLS)
    if _REACTION.fullmatch(text):
        return left_out(NOTICES)
    share = record.get("share")
    if isinstance(share, dict) and "maps" in string(share, "link"):
        return left_out(LOCATIONS)
    found = written(repaired(string(record, "sender_name", "senderName")), text)
    return left_out(MEDIA) if not found.text and any(record.get(key) for key in _MEDIA) else found


def repaired(text: str) -> str:
    """Returns the text whose UTF-8 bytes were written as characters; any other text unchanged."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text
