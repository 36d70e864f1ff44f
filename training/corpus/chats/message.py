"""One message of a chat, and the cleaning of texts and names."""

from __future__ import annotations

import re
from typing import NamedTuple

MAX_NAME = 60  # characters; a longer text before a colon is a notice of the messenger
ASSISTANT_ROLES, USER_ROLES = ("assistant", "gpt", "model", "bot"), ("user", "human")
OTHER_ROLES = ("system", "developer", "tool", "function")  # not part of the conversation
ROLES = (*ASSISTANT_ROLES, *USER_ROLES, *OTHER_ROLES)
# Left-to-right marks and similar characters, which the messengers put around names, numbers and notices.
_MARKS = dict.fromkeys([0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])

# Why messages are left out, as the user reads it.
CALLS = "calls"
DELETED = "deleted"
EMPTY = "empty"
FORWARDS = "forwarded"
LOCATIONS = "locations"
MEDIA = "pictures and files"
NOTICES = "notices"
PINS = "pins"
POLLS = "polls"
SYSTEM = "system prompts and tools"
UNAVAILABLE = "not received"


class Message(NamedTuple):
    """One message; without speaker or text it is left out, and `reason` is counted."""

    speaker: str
    text: str
    reason: str = EMPTY


def left_out(reason: str) -> Message:
    """Returns a message that is left out."""
    return Message("", "", reason)


def written(speaker: str, text: str) -> Message:
    """Returns a person's message, cleaned. Its reason, if it is left out, is EMPTY, or NOTICES without a name."""
    name = clean_name(speaker)
    return Message(name, clean(text), EMPTY if name else NOTICES)


def clean(text: str) -> str:
    """Returns a text without empty lines, which would end a turn, and without NULs and unpaired surrogates."""
    lines = re.split("\r\n|\r|\n", _only_text(text))
    return "\n".join(line.rstrip() for line in lines if line.strip()).strip()


def clean_name(name: str) -> str:
    """Returns a name in one line of at most `MAX_NAME` characters."""
    return " ".join(_only_text(name).split())[:MAX_NAME].rstrip(" :")


def unmarked(text: str) -> str:
    """Returns a text without Unicode's marks for the direction of writing."""
    return text.translate(_MARKS)


def _only_text(text: str) -> str:
    """Removes NULs and replaces unpaired surrogates by U+FFFD."""
    return re.sub("[\ud800-\udfff]", "\ufffd", text.replace("\0", ""))
