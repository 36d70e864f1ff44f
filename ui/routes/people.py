"""Counts the people for whom replies are being written."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from ..messages import Message


class People:
    """Counts the clients at most once per interval, however often `others` is called.

    Args:
        clients: returns the client of each reply that is being written; one client may have several replies.
        every_s: the interval.
    """

    def __init__(self, clients: Callable[[], Iterable[str]], every_s: float = 1.0) -> None:
        self._clients = clients
        self._every_s = every_s
        self._counted_at = -float("inf")  # time.monotonic()
        self._people: frozenset[str] = frozenset()

    def others(self, client_id: str) -> list[Message]:
        """Returns a message such as "2 other people are writing now"; none if all replies are of this client."""
        now = time.monotonic()
        if now - self._counted_at >= self._every_s:
            self._counted_at, self._people = now, frozenset(self._clients())
        count = len(self._people) - (client_id in self._people)
        return [Message("load.writing", count=count)] if count else []
