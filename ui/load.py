"""How much is being written just now, by all engines together, in one line for people."""

from __future__ import annotations

import time

from .shelf import Shelf

_STALE = 1.5  # intervals; a speed measured over more of them says nothing about now


class Load:
    """Measures at most once an interval, whoever asks how often.

    Args:
        shelf: the models that are served.
        every_s: the interval, over which the speed is a mean.
    """

    def __init__(self, shelf: Shelf, every_s: float = 1.0) -> None:
        self._shelf = shelf
        self._every_s = every_s
        self._at = -float("inf")
        self._written = 0
        self._line = ""

    @property
    def line(self) -> str:
        """Such as "3 writing · 2 waiting · 180 characters a second"; "" while nothing is written."""
        now = time.monotonic()
        if now - self._at >= self._every_s:
            self._measure(now)
        return self._line

    def _measure(self, now: float) -> None:
        engines = [served.engine for served in self._shelf.served]
        running, waiting = sum(engine.running for engine in engines), sum(engine.waiting for engine in engines)
        written = sum(engine.written for engine in engines)
        seconds = now - self._at
        facts = [f"{running:,} writing"]
        if waiting:
            facts.append(f"{waiting:,} waiting")
        if seconds < _STALE * self._every_s:
            facts.append(f"{(written - self._written) / seconds:,.0f} characters a second")
        self._at, self._written = now, written
        self._line = " · ".join(facts) if running or waiting else ""
