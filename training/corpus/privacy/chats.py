"""Lines of exported chats, which name the sender and the time of a message.

One such line may be quoted anywhere, so a line counts only if another one is near.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .findings import CHAT, Match

_NEAR = 2000  # characters from one line to the next
_MARK = "[\u200e\u200f\u202a-\u202e]{0,2}"
_DATE = rf"{_MARK}\d{{1,4}}{_MARK}[./-]\s?\d{{1,2}}{_MARK}[./-]\s?\d{{1,4}}\.?[,،]?"
_CLOCK = r"(?:[^\W\d_]{1,8}\s?)?\d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?:\s?[^\W\d_]\.?(?:\s?[^\W\d_]\.?)?)?"
_LOG = "(?!(?:DEBUG|INFO|WARN|WARNING|ERROR|CRITICAL|FATAL|TRACE|NOTICE)\\b)"
_NAME = rf"{_LOG}[^\s:][^:\n]{{0,59}}: "
# A line of WhatsApp on Android; of WhatsApp on an iPhone, signal-export or DiscordChatExporter; of JSON from Facebook,
# Instagram, Slack or Telegram; of JSON from Matrix; of HTML from Telegram.
_LINE = re.compile(
    rf"^{_MARK}(?:{_DATE}\s{_CLOCK}\s?[-–]\s{_NAME}"
    rf"|\[(?:{_DATE}|\d\d-[A-Z][a-z]{{2}}-\d\d(?:\d\d)?)\s{_CLOCK}\]\s{_NAME})"
    r'|"(?:from_id|sender_name|client_msg_id)": ?"[^"\n]{1,100}"'
    r'|"type": ?"m\.room\.message"'
    r'|<div class="from_name">',
    re.MULTILINE,
)


def chats(text: str) -> Iterator[Match]:
    """Yields the lines of exported chats."""
    last: Match | None = None
    yielded = False
    for found in _LINE.finditer(text):
        match = Match(found.start(), found.end(), CHAT, f"{found[0][:3].strip()}…")
        near = last is not None and match.start - last.start < _NEAR
        if near and not yielded and last is not None:
            yield last
        if near:
            yield match
        last, yielded = match, near
