"""Runs an engine in the thread of a test."""

from __future__ import annotations

from model import Engine, Sequence


def finish(engine: Engine, *sequences: Sequence) -> list[str]:
    """Runs steps until all sequences are finished; returns their texts."""
    for _ in range(100_000):
        if all(sequence.finished for sequence in sequences):
            return [sequence.text for sequence in sequences]
        engine.step()
    raise AssertionError("a sequence did not finish in 100,000 steps")
