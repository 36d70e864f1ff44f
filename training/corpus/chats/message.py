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
# signs         what the beginning of an export in JSON has somewhere, by what it is in words
# JSON          the formats of `json_formats`
# without_text  why a message in JSON has no text, besides the reasons of its format
# instructions  the keys of question and answer in data sets of instructions
# phrases       what messengers write in place of a message, by messenger and reason
FORMATS = json.loads(Path(__file__).with_name("formats.json").read_text(encoding="utf-8"))
_PHRASES: dict[str, dict[str, re.Pattern[str]]] = {
    messenger: {reason: re.compile("|".join(phrases)) for reason, phrases in reasons.items()}
    for messenger, reasons in FORMATS["phrases"].items()
}


class Message(NamedTuple):
    """One message; without speaker or text it is left out, and `reason`, which the user reads, is counted."""

    speaker: str = ""
    text: str = ""
    reason: str = ""


def written(speaker: str, text: str, reason: str = "") -> Message:
    """Returns a person's message, cleaned. By default, its reason is "empty", or "notices" without a name."""
    name = clean_name(speaker)
    return Message(name, clean(text), reason or ("empty" if name else "notices"))


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


def reason_of(text: str, *messengers: str) -> str:
    """Returns why a cleaned text is left out, if it is a phrase of these messengers; "" for the text of a person."""
    if re.fullmatch(r"<[^<>\n]{3,60}>", text):
        return "pictures and files"
    phrase = text.rstrip(".。").strip("*_ ")
    reasons = (each for messenger in messengers for each in _PHRASES[messenger].items())
    return next((reason for reason, phrases in reasons if phrases.fullmatch(phrase)), "")


def _only_text(text: str) -> str:
    """Removes NULs and replaces unpaired surrogates by U+FFFD."""
    return re.sub("[\ud800-\udfff]", "\ufffd", text.replace("\0", ""))
