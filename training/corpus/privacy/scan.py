"""Scans a text for everything that looks private, in pieces, in time that is linear in its length.

Every search starts at a fixed string, a digit or a word and reads a bounded stretch around it. Values reserved for
examples (RFC 2606 names, fictional phone numbers, `EXAMPLE` keys) do not count, and neither do dates, versions, IP
addresses, ISBNs or long numbers in code. The libraries phonenumbers and stdnum decide which numbers exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..decode import mark_last
from .chats import chats
from .findings import CONTEXT, SECRET, Finding, Match
from .mail import mail
from .numbers import numbers
from .passwords import passwords
from .phones import phones
from .tokens import tokens

_SEARCHES = (chats, tokens, passwords, mail, numbers, phones)


def scan(text: str) -> list[Finding]:
    """Returns all findings in the order of the text; of two that overlap, only the one that begins first."""
    return list(scan_pieces([text]))


def scan_pieces(pieces: Iterable[str]) -> Iterator[Finding]:
    """Yields the findings in a text that comes in pieces, of which one or two are in memory at a time."""
    window, offset = "", 0  # the text in memory, and its place in the whole text
    scanned, last_end = 0, 0  # the end of the part that is done, and the end of the last finding
    lines = _LineCounter()
    for piece, is_last in mark_last(pieces):
        window += piece
        complete = offset + len(window) - (0 if is_last else CONTEXT)  # a finding that begins before it is whole
        for match in _matches(window):
            start = offset + match.start
            if scanned <= start < complete and start >= last_end:
                lines.advance(window, offset, start)
                last_end = offset + match.end
                yield Finding(match.kind, lines.number, start - lines.start + 1, match.excerpt)
        scanned = max(scanned, complete)
        dropped = max(0, scanned - CONTEXT - offset)
        lines.advance(window, offset, offset + dropped)
        window, offset = window[dropped:], offset + dropped


class _LineCounter:
    """Counts lines on the way through a text: `number` of the current line from 1, `start` its place in the text."""

    def __init__(self) -> None:
        self.number, self.start, self._at = 1, 0, 0

    def advance(self, window: str, offset: int, to: int) -> None:
        """Moves forward to the place `to`; `window` is the part of the text that begins at `offset`."""
        if breaks := window.count("\n", self._at - offset, max(self._at, to) - offset):
            self.number += breaks
            self.start = offset + window.rindex("\n", self._at - offset, to - offset) + 1
        self._at = max(self._at, to)


def _matches(text: str) -> list[Match]:
    found = [match for search in _SEARCHES for match in search(text)]
    return sorted(found, key=lambda match: (match.start, match.kind == SECRET, -match.end))
