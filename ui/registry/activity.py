"""How much is being written just now, by all engines together, in one line for people."""

from __future__ import annotations

import time

from model import Engine

from .registry import ModelRegistry

_STALE = 1.5  # intervals; a speed measured over more of them says nothing about now


class Load:
    """Measures at most once an interval, whoever asks how often.

    Args:
        shelf: the models that are served.
        every_s: the interval, over which the speed is a mean.
    """

    def __init__(self, registry: ModelRegistry, every_s: float = 1.0) -> None:
        self._registry = registry
        self._every_s = every_s
        self._at = -float("inf")
        self._written: dict[Engine, int] = {}
        self._line = ""

    @property
    def line(self) -> str:
        """Such as "3 writing · 2 waiting · 180 characters a second"; "" while nothing is written."""
        now = time.monotonic()
        if now - self._at >= self._every_s:
            self._measure(now)
        return self._line

    def _measure(self, now: float) -> None:
        engines = self._registry.engines
        running, waiting = sum(engine.running for engine in engines), sum(engine.waiting for engine in engines)
        # Engine by engine: one that has left takes what it wrote with it.
        written = sum(engine.written - self._written.get(engine, 0) for engine in engines)
        seconds = now - self._at
        facts = [f"{running:,} writing"]
        if waiting:
            facts.append(f"{waiting:,} waiting")
        if seconds < _STALE * self._every_s:
            facts.append(f"{written / seconds:,.0f} characters a second")
        self._at, self._written = now, {engine: engine.written for engine in engines}
        self._line = " · ".join(facts) if running or waiting else ""
