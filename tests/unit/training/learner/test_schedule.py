"""What a run does at each step, with a fixed number of steps and with one that decisions revise."""

from __future__ import annotations

import itertools

import pytest

from training.learner.recipe import Recipe
from training.learner.schedule import Decision, Schedule


def evaluated(schedule: Schedule) -> list[int]:
    return [step for step in range(1, schedule.steps + 1) if schedule.evaluates_after(step)]


def test_the_learning_rate_rises_linearly_and_falls_linearly_to_zero() -> None:
    schedule = Schedule(Recipe(steps=1000, warmup=0.1))
    rates = [schedule.rate_at(step) for step in range(1001)]
    assert rates[0] == pytest.approx(0.01)
    assert rates[99] == 1.0
    assert rates[550] == pytest.approx(0.5)
    assert all(a < b for a, b in itertools.pairwise(rates[:100]))
    assert all(a > b for a, b in itertools.pairwise(rates[100:]))
    assert rates[999] == pytest.approx(1 / 900)
    assert rates[1000] == 0


@pytest.mark.parametrize("steps", [1, 2, 3, 33])
def test_short_runs_have_learning_rates_above_zero(steps: int) -> None:
    assert all(0 < Schedule(Recipe(steps=steps)).rate_at(step) <= 1 for step in range(steps))


def test_evaluations_are_denser_at_first_and_one_is_at_the_end() -> None:
    found = evaluated(Schedule(Recipe(steps=2000, evaluations=20)))
    gaps = [after - before for before, after in itertools.pairwise(found)]
    assert len(found) == 20
    assert found[0] < 30
    assert found[-1] == 2000
    assert gaps == sorted(gaps)


def test_samples_come_early_even_with_few_evaluations() -> None:
    schedule = Schedule(Recipe(steps=1000, evaluations=2))
    shown = [step for step in range(1, 1001) if schedule.samples_after(step)]
    assert len(shown) == 19
    assert shown[0] == 11
    small = Schedule(Recipe(steps=30, batch=4, window=16))
    assert not any(small.samples_after(step) for step in range(31))  # still noise


@pytest.mark.parametrize(("steps", "evaluations"), [(1, 20), (5, 20), (7, 1), (100, 10_000)])
def test_evaluations_in_very_short_runs(steps: int, evaluations: int) -> None:
    found = evaluated(Schedule(Recipe(steps=steps, evaluations=evaluations)))
    assert found[-1] == steps
    assert len(found) <= evaluations


def test_a_decision_for_the_planned_number_of_steps_changes_nothing() -> None:
    """So the first decision of a run of some minutes leaves the recipe as it was planned, bit for bit."""
    recipe = Recipe(steps=777, evaluations=13)
    plain, decided = Schedule(recipe), Schedule(recipe, [Decision(0, 777, 5)])
    for step in range(778):
        assert plain.rate_at(step) == decided.rate_at(step)
        assert plain.evaluates_after(step) == decided.evaluates_after(step)
        assert plain.samples_after(step) == decided.samples_after(step)


@pytest.mark.parametrize("steps", [600, 1000, 2000, 501])
def test_a_revised_number_of_steps_fits_the_rest_of_the_recipe_into_it(steps: int) -> None:
    schedule = Schedule(Recipe(steps=1000, evaluations=20), [Decision(0, 1000, 500), Decision(500, steps, 501)])
    plain = Schedule(Recipe(steps=1000, evaluations=20))
    assert [schedule.rate_at(step) for step in range(500)] == [plain.rate_at(step) for step in range(500)]
    rates = [schedule.rate_at(step) for step in range(500, steps + 1)]
    assert rates[0] == pytest.approx(max(plain.rate_at(500), 1 - (1000 * 500 / steps - 30) / 970))
    assert all(a > b for a, b in itertools.pairwise(rates))
    assert rates[-1] == pytest.approx(0, abs=1e-12)
    assert rates[0] - rates[1] == pytest.approx(rates[0] / (steps - 500), rel=0.04)
    assert evaluated(schedule)[-1] == steps
    if steps > 501:
        assert len(evaluated(schedule)) == 20


def test_the_rate_in_the_log_does_not_depend_on_a_decision_that_follows() -> None:
    recipe, first = Recipe(steps=1000), Decision(0, 1000, 500)
    before, after = Schedule(recipe, [first]), Schedule(recipe, [first, Decision(500, 2000, 501)])
    assert before.rate_after(500) == after.rate_after(500) == before.rate_at(500) < after.rate_at(500)
    assert after.rate_after(2000) == pytest.approx(0, abs=1e-12)


def test_evaluations_and_samples_are_counted_down() -> None:
    schedule = Schedule(Recipe(steps=1000, evaluations=4), [Decision(0, 1000, 300), Decision(300, 700, 301)])
    left = [schedule.evaluations_left(step) for step in range(701)]
    assert left[0] == 4
    assert left[-1] == 0
    changes = [step for step, (a, b) in enumerate(itertools.pairwise(left), 1) if b < a]
    assert changes == evaluated(schedule)
    assert schedule.samples_left(0) == 16
    assert schedule.samples_left(700) == 0


def test_a_schedule_asks_for_its_next_decision_and_not_after_its_end() -> None:
    schedule = Schedule(Recipe(steps=100))
    assert not any(schedule.needs_decision(step) for step in range(101))
    schedule = Schedule(Recipe(steps=100), [Decision(0, 100, 10)])
    assert [schedule.needs_decision(step) for step in (0, 9, 10, 11, 100)] == [False, False, True, True, False]
    schedule.add(Decision(10, 20, 20))
    assert not any(schedule.needs_decision(step) for step in range(21))


@pytest.mark.parametrize(
    "decisions",
    [
        [(5, 100, 10)],
        [(0, 100, 0)],
        [(0, 100, 101)],
        [(0, 100, 10), (0, 100, 20)],
        [(0, 100, 10), (10, 10, 10)],
        [(-1, 100, 10)],
    ],
)
def test_decisions_that_contradict_each_other_are_refused(decisions: list[tuple[int, int, int]]) -> None:
    with pytest.raises(ValueError, match="the decisions of the run are not valid"):
        Schedule(Recipe(steps=100), [Decision(*numbers) for numbers in decisions])
