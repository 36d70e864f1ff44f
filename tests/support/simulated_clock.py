"""A clock that a training run reads instead of the real one: the test sets how long a step takes."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from training.cli import main as cli, plan
from training.learner import evaluation
from training.learner.trainer import Trainer
from training.run import checkpoint_manager, measure, training_run
from training.run.training_run import TrainingRun

STEP_S, EVALUATION_S, SAMPLE_S, END_S = 0.4, 0.3, 0.05, 1.5  # at the normal speed


class SimulatedClock:
    """A clock that moves on only when a part of a run spends time.

    Args:
        slower: (seconds, factor): from that second on everything takes so many times as long; the first from 0.
        jitter: of each duration, as a share of it.
        seed: of the jitter.
    """

    def __init__(self, slower: Sequence[tuple[float, float]], jitter: float, seed: int) -> None:
        self.now = 0.0
        self._slower, self._jitter, self._draw = slower, jitter, random.Random(seed)

    def monotonic(self) -> float:
        return self.now

    def spend(self, seconds: float) -> None:
        factor = [factor for start, factor in self._slower if self.now >= start][-1]
        self.now += seconds * factor * (1 + self._jitter * self._draw.uniform(-1, 1))


def simulate_clock(
    *slower: tuple[float, float], jitter: float = 0.0, seed: int = 1, replace: Callable[..., Any] = setattr
) -> SimulatedClock:
    """Replaces the clock of this process with one that steps, evaluations, samples and the end of a run move on.

    Args:
        slower, jitter, seed: see `SimulatedClock`.
        replace: sets an attribute; the one of pytest's `monkeypatch` undoes it after the test.
    """
    clock = SimulatedClock(slower or ((0.0, 1.0),), jitter, seed)
    for module in (cli, training_run):
        replace(module, "time", clock)
    replace(plan, "monotonic", clock.monotonic)
    replace(measure, "perf_counter", clock.monotonic)
    replace(measure, "thread_time", clock.monotonic)
    half_s = (EVALUATION_S - SAMPLE_S) / 2
    parts = [
        (Trainer, "step", STEP_S),
        (evaluation, "carried_losses", half_s),
        (evaluation, "cold_losses", half_s),
        (TrainingRun, "_generate_sample", SAMPLE_S),
        (checkpoint_manager, "name_cells", END_S),
    ]
    for owner, name, seconds in parts:
        replace(owner, name, _spending(clock, seconds, getattr(owner, name)))
    return clock


def _spending(clock: SimulatedClock, seconds: float, call: Callable[..., Any]) -> Callable[..., Any]:
    def timed(*arguments: Any, **options: Any) -> Any:
        clock.spend(seconds)
        return call(*arguments, **options)

    return timed
