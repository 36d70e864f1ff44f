"""Reads the JSON of a channel and a day in Slack's export of a workspace.

The names are those in each message; where an export has none (`user_profile`), the id of the user is used instead.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from ..message import DELETED, MEDIA, NOTICES, PINS, Message, left_out, written
from ..values import records_in, string

KIND = "a Slack export"
HINT = re.compile(r'"type": ?"message"[\s\S]*"ts": ?"\d{9,11}\.\d+"|"ts": ?"\d{9,11}\.\d+"[\s\S]*"type": ?"message"')
_LINK = re.compile(r"<([^<>|\n]+)(?:\|([^<>\n]*))?>")
_WRITTEN = ("", "thread_broadcast", "bot_message", "file_share", "me_message")


def conversations(value: object) -> Iterator[list[Message]] | None:
    """Returns the messages of a channel; None if a value is no list of Slack's messages."""
    records = records_in(value)
    if not records or not all(each.get("type") == "message" and "ts" in each for each in records):
        return None
    return iter([[_message(each) for each in records]])


def _message(record: dict[str, object]) -> Message:
    kind = string(record, "subtype")
    if kind not in _WRITTEN:
        return left_out({"pinned_item": PINS, "tombstone": DELETED}.get(kind, NOTICES))
    profile = record.get("user_profile")
    name = string(profile, "display_name", "real_name", "name") or string(record, "username", "user", "bot_id")
    found = written(name, html.unescape(_LINK.sub(_link, string(record, "text"))))
    return left_out(MEDIA) if not found.text and record.get("files") else found


def _link(found: re.Match[str]) -> str:
    """Returns what Slack shows for <https://…|label>, <@U123>, <#C123|name> and <!here>."""
    target, label = found[1], found[2]
    if target.startswith(("@", "!")):
        return "@" + (label or target[1:]).removeprefix("@")
    return f"#{label or target[1:]}" if target.startswith("#") else label or target
