"""Reads the .txt that WhatsApp exports, on Android and on an iPhone, in the date formats of many countries.

signal-export writes the same lines: `[2023-11-05 07:04] Anna: Hello`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..message import MAX_NAME, MEDIA, NOTICES, Message, clean, clean_name, left_out, unmarked
from ..phrases import reason_of

KIND = "a WhatsApp export"
# Day, month and year in any order; a time with or without seconds, and words such as "PM", "p. m." or "um" around it.
# An iPhone writes both in brackets, Android before a dash.
_DATE = r"\d{1,4}(?P<between>[./-])\s?\d{1,2}(?P=between)\s?\d{1,4}\.?[,،]?"
_WORDS = r"(?:[^\W\d_]{1,8}\.?\s?){0,2}"
_TIME = rf"{_WORDS}\d{{1,2}}[:.]\d{{2}}(?:[:.]\d{{2}})?\s?{_WORDS}"
_HEADER = re.compile(rf"(?P<bracket>\[)?{_DATE}\s{_TIME}(?(bracket)\]|\s?[-–])\s")
_NOTICE = "\u200e"  # begins a line that the messenger wrote, not a person
_EDITED = re.compile("(?:\u200e<[^<>\n]{0,100}>|<This message was edited>)$")
_LINKED_FILE = re.compile(r"(?:!?\[[^\]\n]{0,200}\]\([^)\n]{1,400}\)\s*)+")  # an attachment in signal-export


def recognises(head: str) -> bool:
    """Returns whether a text begins like an export."""
    first = next((line for line in head.split("\n") if line.strip()), "")
    return bool(_HEADER.match(unmarked(first)))


def messages(text: str) -> Iterator[Message]:
    """Yields the messages of an export; nothing before its first header."""
    name, lines, style = "", [""], None
    started = False
    for raw in text.split("\n"):
        line = unmarked(raw)
        header = _HEADER.match(line)
        # A message may quote the header of another message, but seldom in the style (brackets or dash) of its file.
        if header and style in (None, header["bracket"] or ""):
            if started:
                yield _message(name, lines)
            started, style = True, header["bracket"] or ""
            name, colon, rest = line[header.end() :].partition(":")
            if not colon or not (rest.startswith(" ") or not rest) or _is_notice(name):
                name = ""
            lines = [raw.partition(": ")[2]]
        elif started:
            lines.append(raw)
    if started:
        yield _message(name, lines)


def _is_notice(name: str) -> bool:
    """Returns whether the text before a colon is no name: 'Anna changed the subject to "Party: tonight"'."""
    return len(name) > MAX_NAME or any(quote in name for quote in '"“”„«»')


def _message(name: str, lines: list[str]) -> Message:
    name = clean_name(name.strip().removeprefix("~"))
    if not name:
        return left_out(NOTICES)
    whole = clean("\n".join(unmarked(_without_edit_mark(line)) for line in lines))
    if reason := reason_of(whole):
        return left_out(reason)
    if lines[0].startswith(_NOTICE):  # a picture; the lines below it are its caption
        caption = clean("\n".join(unmarked(_without_edit_mark(line)) for line in lines[1:]))
        return Message(name, caption, MEDIA)
    return left_out(MEDIA) if _LINKED_FILE.fullmatch(whole) else Message(name, whole)


def _without_edit_mark(line: str) -> str:
    """Returns a line without the mark of an edited message at its end; only the end is searched."""
    line = line.rstrip()
    found = _EDITED.search(line, max(0, len(line) - 120))
    return line[: found.start()].rstrip() if found else line
