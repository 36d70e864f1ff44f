"""Counts the replies of an engine that have ended, and the time from each request to its first character."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from typing import get_args

from .sequence import FinishReason, Sequence

# Upper bounds in seconds, for Prometheus: a page should show the first character within a tenth of a second.
WAIT_BOUNDS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


@dataclass
class Statistics:
    """Totals since the engine was created, or the sum of several engines.

    Attributes:
        ended: how many replies ended for each reason.
        waits: how many replies got their first character within each of `WAIT_BOUNDS_S` seconds after the request but
            not within the one before; the last number is that of the slower ones.
        waited_s: the seconds until the first character, of all replies together.
    """

    # All reasons from the start: a new key would disturb a thread that copies the numbers at the same time.
    ended: Counter[FinishReason] = field(default_factory=lambda: Counter(dict.fromkeys(get_args(FinishReason), 0)))
    waits: list[int] = field(default_factory=lambda: [0] * (len(WAIT_BOUNDS_S) + 1))
    waited_s: float = 0.0

    def add(self, sequence: Sequence, reason: FinishReason) -> None:
        """Adds a reply that ends."""
        self.ended[reason] += 1
        if sequence.started_at:
            wait_s = sequence.started_at - sequence.added_at
            self.waits[bisect_left(WAIT_BOUNDS_S, wait_s)] += 1
            self.waited_s += wait_s

    def __add__(self, other: Statistics) -> Statistics:
        return Statistics(
            self.ended + other.ended,
            [one + two for one, two in zip(self.waits, other.waits, strict=True)],
            self.waited_s + other.waited_s,
        )
