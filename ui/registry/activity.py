"""Measures how much all engines together generate: replies in progress, replies in the queue, characters per second."""

from __future__ import annotations

import time

from model import Engine

from .registry import ModelRegistry

_STALE = 1.5  # intervals; a speed measured over a longer time is out of date


class Activity:
    """Measures at most once per interval, however often it is read.

    Args:
        registry: the models that are served.
        every_s: the interval, over which the speed is an average.
    """

    def __init__(self, registry: ModelRegistry, every_s: float = 1.0) -> None:
        self._registry = registry
        self._every_s = every_s
        self._measured_at = -float("inf")  # time.monotonic()
        self._written: dict[Engine, int] = {}
        self._facts: list[str] = []

    @property
    def facts(self) -> list[str]:
        """Such as "3 writing", "2 waiting", "180 characters per second"; empty while no reply is written."""
        now = time.monotonic()
        if now - self._measured_at >= self._every_s:
            self._measure(now)
        return self._facts

    def _measure(self, now: float) -> None:
        engines = self._registry.engines
        running, waiting = sum(engine.running for engine in engines), sum(engine.waiting for engine in engines)
        # Counted for each engine, because an engine that was removed no longer has a count.
        counts = {engine: engine.written for engine in engines}
        written = sum(count - self._written.get(engine, 0) for engine, count in counts.items())
        seconds = now - self._measured_at
        facts = [f"{running:,} writing"]
        if waiting:
            facts.append(f"{waiting:,} waiting")
        if seconds < _STALE * self._every_s:
            facts.append(f"{round(written / seconds):,} characters per second")
        self._measured_at, self._written = now, counts
        self._facts = facts if running or waiting else []
