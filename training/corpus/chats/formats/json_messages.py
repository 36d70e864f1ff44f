"""Reads JSON lines and lists of messages with a name or a role, and data sets of conversations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..message import NOTICES, OTHER_ROLES, ROLES, SYSTEM, Message, left_out, written
from ..values import plain

KIND = "a chat in JSON lines"
_NAMES = ("name", "from", "author", "speaker", "sender", "username", "user", "role")
_TEXTS = ("text", "content", "message", "value", "body")


def conversations(records: Iterable[object]) -> Iterator[list[Message]]:
    """Yields the messages of one conversation at a time: consecutive single messages, or the messages of one list."""
    consecutive: list[Message] = []
    lists = [iter(records)]  # from the outermost to the innermost; no recursion, because JSON may be nested deeply
    while lists:
        for record in lists[-1]:
            inside = _messages_in(record)
            if inside is not None:
                lists.append(iter(inside))
                break
            consecutive.append(_message(record))
        else:
            lists.pop()
        if consecutive:
            yield consecutive
            consecutive = []


def _messages_in(record: object) -> list[object] | None:
    """Returns the list of messages that a value is or holds; None if the value is a message itself."""
    if isinstance(record, list):
        return record
    if isinstance(record, dict):
        return next((record[key] for key in ("messages", "conversations") if isinstance(record.get(key), list)), None)
    return None


def _message(record: object) -> Message:
    """Returns a message from a record of any of the usual shapes; without speaker or text, one that is left out."""
    if not isinstance(record, dict) or record.get("type") == "service":
        return left_out(NOTICES)
    role = record.get("role")
    keys = [key for key in _NAMES if key in record]
    speaker: object = role if role in ROLES else record[keys[0]] if keys else ""
    if isinstance(speaker, dict):
        speaker = speaker.get("name") or speaker.get("role")
    if speaker is None and "from" in record:
        speaker = "Deleted Account"  # as Telegram calls it
    if not isinstance(speaker, str):
        return left_out(NOTICES)
    if speaker in OTHER_ROLES:
        return left_out(SYSTEM)
    return written(speaker, plain(next((record[key] for key in _TEXTS if key in record), "")))
