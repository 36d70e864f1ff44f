"""Reads the JSON and the text of DiscordChatExporter, which export one channel."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..message import CALLS, FORWARDS, MEDIA, NOTICES, PINS, POLLS, Message, left_out, written
from ..values import records_in, string

KIND = "a Discord export"
HINT = re.compile(r'"guild": ?\{[\s\S]*"channel": ?\{')
_TEXT_HEAD = re.compile(r"={20,}\nGuild: .*\nChannel: ")
_TEXT_HEADER = re.compile(
    r"\[\d{1,4}[./-]\d{1,2}[./-]\d{1,4}[, ]\s?\d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?:\s[AaPp][Mm])?\] (?P<name>\S.*)"
)
_PARTS = ("{Attachments}", "{Embed}", "{Stickers}", "{Reactions}")
_PINNED_MARK = " (pinned)"
_WRITTEN = ("Default", "Reply", "ThreadStarterMessage", "ChatInputCommand", "0", "19")
_REASONS = {"ChannelPinnedMessage": PINS, "6": PINS, "Call": CALLS, "3": CALLS, "46": POLLS}
_PIN_NOTICE = "Pinned a message."


def conversations(value: object) -> Iterator[list[Message]] | None:
    """Returns the messages of a channel; None if a value is no export of Discord."""
    if isinstance(value, dict) and isinstance(value.get("guild"), dict) and isinstance(value.get("channel"), dict):
        return iter([[_message(each) for each in records_in(value, "messages")]])
    return None


def _message(record: dict[str, object]) -> Message:
    kind = str(record.get("type", "Default"))
    if kind not in _WRITTEN:
        return left_out(_REASONS.get(kind, NOTICES))
    if record.get("forwardedMessage"):
        return left_out(FORWARDS)
    found = written(string(record.get("author"), "nickname", "name"), string(record, "content"))
    if found.text:
        return found
    if record.get("poll"):
        return left_out(POLLS)
    return left_out(MEDIA) if any(record.get(key) for key in ("attachments", "embeds", "stickers")) else found


def recognises(head: str) -> bool:
    """Returns whether a text begins like the text that DiscordChatExporter writes."""
    return bool(_TEXT_HEAD.match(head.lstrip()))


def messages(text: str) -> Iterator[Message]:
    """Yields the messages of an export as text."""
    name, lines = "", [""]
    started = False
    for line in text.split("\n"):
        if header := _TEXT_HEADER.fullmatch(line.rstrip()):
            if started:
                yield _text_message(name, lines)
            name, lines, started = header["name"].removesuffix(_PINNED_MARK), [], True
        elif line.startswith("====="):  # the frame around the head, and around the count at the end
            if started:
                yield _text_message(name, lines)
            started = False
        else:
            lines.append(line)
    if started:
        yield _text_message(name, lines)


def _text_message(name: str, lines: list[str]) -> Message:
    at = next((number for number, line in enumerate(lines) if line.strip() in _PARTS), len(lines))
    found = written(name, "\n".join(lines[:at]))
    if found.text == _PIN_NOTICE:
        return left_out(PINS)
    return left_out(MEDIA) if not found.text and at < len(lines) else found
