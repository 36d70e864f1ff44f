"""What a run does at each progress: pure functions, so that a resumed run does the same."""

from __future__ import annotations

import pytest

from training.learner.recipe import Recipe
from training.learner.schedule import Schedule

RECIPE = Recipe(steps=1000, evaluations=10, warmup=0.1, batch=16, window=64)


def test_the_learning_rate_rises_linearly_and_falls_linearly_to_zero() -> None:
    schedule = Schedule(RECIPE)
    assert [schedule.rate(at) for at in (0, 49, 99, 100)] == pytest.approx([0.01, 0.5, 1, 1])
    assert [schedule.rate(at) for at in (325, 550, 999.5, 1000, 2000)] == pytest.approx([0.75, 0.5, 1 / 1800, 0, 0])


def test_a_step_that_passes_several_evaluations_has_one() -> None:
    """On a machine that was suspended for a while, the clock takes the progress far in one step."""
    schedule = Schedule(RECIPE)
    assert schedule.evaluates(0, 900.5)
    assert schedule.evaluations_left(900.5) == 1
    assert not schedule.evaluates(900.5, 999)
