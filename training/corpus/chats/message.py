"""One message of a chat, the cleaning of texts and names, and the phrases of messengers in place of a message."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple

MAX_NAME = 60  # characters; a longer text before a colon is a notice of the messenger
ASSISTANT_ROLES, USER_ROLES = ("assistant", "gpt", "model", "bot"), ("user", "human")
OTHER_ROLES = ("system", "developer", "tool", "function")  # not part of the conversation
ROLES = (*ASSISTANT_ROLES, *USER_ROLES, *OTHER_ROLES)
# Left-to-right marks and similar characters, which the messengers put around names, numbers and notices.
_MARKS = dict.fromkeys([0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])
# sign          an expression for what the beginning of an export in JSON has somewhere
# JSON          the formats of `json_formats`
# instructions  the keys of question and answer in data sets of instructions
# phrases       what messengers write in place of a message: expressions, by messenger
FORMATS = json.loads(Path(__file__).with_name("formats.json").read_text(encoding="utf-8"))
_PHRASES = {messenger: re.compile("|".join(phrases)) for messenger, phrases in FORMATS["phrases"].items()}


class Message(NamedTuple):
    """One message; without speaker or text it is left out and counted."""

    speaker: str = ""
    text: str = ""


def written(speaker: str | None, text: str) -> Message:
    """Returns a person's message, cleaned; the name is one line of at most `MAX_NAME` characters."""
    name = " ".join(_only_text(speaker or "").split())[:MAX_NAME].rstrip(" :")
    return Message(name, clean(text))


def clean(text: str) -> str:
    """Returns a text without empty lines, which would end a turn, and without NULs and unpaired surrogates."""
    lines = re.split("\r\n|\r|\n", _only_text(text))
    return "\n".join(line.rstrip() for line in lines if line.strip()).strip()


def unmarked(text: str) -> str:
    """Returns a text without Unicode's marks for the direction of writing."""
    return text.translate(_MARKS)


def is_phrase(text: str, *messengers: str) -> bool:
    """Returns whether a cleaned text is one that these messengers write in place of a message."""
    phrase = text.rstrip(".。").strip("*_ ")
    is_known = any(_PHRASES[messenger].fullmatch(phrase) for messenger in messengers)
    return is_known or re.fullmatch(r"<[^<>\n]{3,60}>", text) is not None


def _only_text(text: str) -> str:
    """Removes NULs and replaces unpaired surrogates by U+FFFD."""
    return re.sub("[\ud800-\udfff]", "\ufffd", text.replace("\0", ""))
