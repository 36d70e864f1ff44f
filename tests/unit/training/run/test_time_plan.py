"""Minutes are kept on simulated machines that change their speed; no clock is read."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from model.checkpoint.format import parse_json
from training.learner.recipe import PRESETS, Recipe
from training.learner.schedule import SAMPLES, Decision, Schedule
from training.run.time_plan import Costs, TimePlan, plan_minutes

COSTS = Costs(step_s=0.05, character_s=4e-6, evaluation_s=0.1, sample_s=0.06, end_s=2.0)
START_S = 6.0  # of reading and measuring
HELD_OUT = 111_000
Speed = Callable[[float, float], float]  # how many times as slow, from the time and the length of the run


def steady(now: float, total: float) -> float:
    return 1.0


def halves(now: float, total: float) -> float:
    return 2.0 if now > total / 2 else 1.0


def doubles(now: float, total: float) -> float:
    return 0.5 if now > total / 2 else 1.0


def halves_late(now: float, total: float) -> float:
    return 2.0 if now > 0.85 * total else 1.0


def is_slower_for_a_while(now: float, total: float) -> float:
    return 2.0 if 0.2 * total < now < 0.5 * total else 1.0


def drifts(now: float, total: float) -> float:
    return 1.0 + now / total


def jumps(now: float, total: float) -> float:
    return random.Random(int(now / (0.07 * total))).uniform(0.7, 1.9)


@dataclass
class Simulation:
    """A run on a machine whose speed changes; jitter is the standard deviation of a step's seconds."""

    minutes: float
    speed: Speed
    jitter: float = 0.0
    costs: Costs = COSTS
    now: float = START_S
    left: list[tuple[float, float]] = field(default_factory=list)  # the time, and the seconds left that were shown
    steps: list[int] = field(default_factory=list)

    def spend(self, seconds: float, draw: random.Random | None = None) -> float:
        noise = max(0.2, draw.gauss(1, self.jitter)) if draw else 1.0
        seconds *= noise * self.speed(self.now, 60 * self.minutes)
        self.now += seconds
        return seconds

    def run(self) -> Schedule:
        draw = random.Random(1)
        recipe, plan = plan_minutes(
            PRESETS["small"], self.costs, minutes=self.minutes, elapsed_s=self.now, validation=HELD_OUT
        )
        schedule = Schedule(recipe, plan.first_decisions(recipe))
        step = 0
        while step < schedule.steps:
            if schedule.needs_decision(step):
                schedule.add(plan.decide(schedule, step, self.now))
            plan.add_step(self.spend(self.costs.step_s, draw))
            step += 1
            self.left.append((self.now, plan.seconds_left(schedule, step, self.now)))
            if schedule.evaluates_after(step):
                plan.add_evaluation(self.spend(self.costs.of_evaluation(min(recipe.evaluated, HELD_OUT))))
            elif schedule.samples_after(step):
                plan.add_sample(self.spend(self.costs.sample_s))
        self.spend(self.costs.end_s)
        return schedule


@pytest.mark.parametrize("minutes", [1, 5, 60])
@pytest.mark.parametrize(
    "speed",
    [steady, halves, doubles, halves_late, is_slower_for_a_while, drifts, jumps],
    ids=lambda speed: speed.__name__,
)
def test_minutes_are_kept_within_three_percent(minutes: float, speed: Speed) -> None:
    run = Simulation(minutes, speed, jitter=0.2, costs=replace(COSTS, step_s=0.05 if minutes <= 5 else 0.2))
    schedule = run.run()
    assert run.now == pytest.approx(60 * minutes, rel=0.03)
    assert len(schedule.decisions) < 1000
    shown = [(left, run.now - now) for now, left in run.left if 60 < now < run.now - 20]
    assert all(left == pytest.approx(really, rel=0.1) for left, really in shown)


def test_what_was_measured_wrongly_is_corrected() -> None:
    """Steps that take twice as long as those measured, and evaluations that take five times as long."""
    costs = replace(COSTS, step_s=2 * COSTS.step_s, evaluation_s=5 * COSTS.evaluation_s)
    recipe, plan = plan_minutes(PRESETS["small"], COSTS, minutes=2, elapsed_s=START_S, validation=HELD_OUT)
    schedule, now = Schedule(recipe, plan.first_decisions(recipe)), START_S
    step = 0
    while step < schedule.steps:
        if schedule.needs_decision(step):
            schedule.add(plan.decide(schedule, step, now))
        plan.add_step(costs.step_s)
        step, now = step + 1, now + costs.step_s
        if schedule.evaluates_after(step):
            plan.add_evaluation(costs.of_evaluation(HELD_OUT))
            now += costs.of_evaluation(HELD_OUT)
        elif schedule.samples_after(step):
            plan.add_sample(costs.sample_s)
            now += costs.sample_s
    assert now + costs.end_s == pytest.approx(120, rel=0.03)


@pytest.mark.parametrize("speed", [halves, doubles, jumps], ids=lambda speed: speed.__name__)
def test_the_learning_rate_follows_the_time(speed: Speed) -> None:
    run = Simulation(5, speed)
    schedule = run.run()
    for step, (now, _) in enumerate(run.left, 1):
        assert schedule.position(step) / schedule.recipe.steps == pytest.approx(now / run.now, abs=0.06)
    assert schedule.position(schedule.steps) == pytest.approx(schedule.recipe.steps)


def test_a_replay_of_the_decisions_is_the_same_schedule() -> None:
    made = Simulation(2, jumps, jitter=0.3).run()
    again = Schedule(made.recipe, made.decisions)
    assert again.steps == made.steps
    part = Schedule(made.recipe, made.decisions[: len(made.decisions) // 2])
    known = part.decisions[-1].until
    for step in range(made.steps + 1):
        assert again.rate_at(step) == made.rate_at(step)
        assert again.evaluates_after(step) == made.evaluates_after(step)
        if step <= known:
            assert part.rate_at(step) == made.rate_at(step)


def planned(minutes: float, *, costs: Costs = COSTS, fixed: frozenset[str] = frozenset(), **options: Any) -> Recipe:
    recipe = replace(PRESETS["small"], **options)
    return plan_minutes(recipe, costs, minutes=minutes, elapsed_s=START_S, validation=HELD_OUT, fixed=fixed)[0]


@pytest.mark.parametrize("minutes", [0.5, 1, 5, 60, 600])
def test_everything_that_takes_time_is_planned(minutes: float) -> None:
    recipe = planned(minutes)
    samples = max(0, SAMPLES - recipe.evaluations) * COSTS.sample_s
    evaluations = recipe.evaluations * COSTS.of_evaluation(min(recipe.evaluated, HELD_OUT))
    total = START_S + recipe.steps * COSTS.step_s + evaluations + samples + COSTS.end_s
    assert total == pytest.approx(60 * minutes, abs=COSTS.step_s)


def test_evaluations_take_a_twentieth_of_the_time_at_most() -> None:
    assert planned(5, costs=replace(COSTS, evaluation_s=2.0)).evaluations == 5
    assert planned(1 / 3, costs=replace(COSTS, evaluation_s=2.0)).evaluations == 2


def test_a_large_vocabulary_gets_evaluations_of_fewer_characters() -> None:
    """A text of 6,000 distinct characters, of which 0.4 minutes once took 66 s."""
    costs = Costs(step_s=0.3, character_s=120e-6, evaluation_s=0.2, sample_s=0.2, end_s=1.0)
    short, long = planned(2, costs=costs), planned(30, costs=costs)
    assert (short.evaluations, long.evaluations, long.evaluated) == (2, 6, 200_000)
    assert 10_000 < short.evaluated < HELD_OUT
    assert short.evaluations * costs.of_evaluation(short.evaluated) < 0.05 * 120
    assert planned(0.4, costs=costs).evaluated == 10_000
    assert planned(2, costs=costs, evaluated=50_000, fixed=frozenset({"evaluated"})).evaluated == 50_000


def test_the_decisions_of_a_run_of_two_days_can_be_read_back_from_a_checkpoint() -> None:
    run = Simulation(2 * 24 * 60, steady, costs=replace(COSTS, step_s=10.0))
    schedule = run.run()
    assert run.now == pytest.approx(60 * run.minutes, rel=0.01)
    state = json.dumps({"decisions": [list(decision) for decision in schedule.decisions]})
    assert len(parse_json("state.json", state.encode())["decisions"]) > 1_000


def test_long_runs_evaluate_every_minute() -> None:
    assert [planned(minutes).evaluations for minutes in (10, 20, 90, 1000)] == [20, 20, 90, 200]


def test_a_chosen_number_of_evaluations_stays() -> None:
    assert planned(0.5, evaluations=70, fixed=frozenset({"evaluations"})).evaluations == 70


def test_too_little_time_still_gives_some_steps() -> None:
    recipe = planned(0.0001)
    assert (recipe.steps, recipe.evaluations) == (10, 2)
    plan = TimePlan(0.0001, measured_s=0.05, step_s=0.05)
    schedule = Schedule(recipe, plan.first_decisions(recipe))
    assert plan.decide(schedule, 1, START_S) == Decision(1, 10, 2)
    assert Simulation(0.0001, steady).run().steps == 10


def test_the_time_left_of_a_run_of_a_fixed_number_of_steps_counts_its_evaluations() -> None:
    schedule, plan = Schedule(Recipe(steps=1000, evaluations=10)), TimePlan()
    assert plan.first_decisions(schedule.recipe) == []
    for step in range(1, 101):
        plan.add_step(0.1)
        if schedule.evaluates_after(step):
            plan.add_evaluation(3.0)
    left = schedule.evaluations_left(100)
    assert plan.seconds_left(schedule, 100, 0.0) == pytest.approx(900 * 0.1 + left * 3.0, rel=0.01)


def test_a_plan_survives_json() -> None:
    plan = planned_plan()
    saved = dict(plan.to_json())
    assert TimePlan.from_json(saved).to_json() == pytest.approx(saved)
    for name in saved:
        for value in (-1, "?", None, float("nan"), 1e300):
            with pytest.raises(ValueError, match=f"^{name} of the time plan is "):
                TimePlan.from_json({**saved, name: value})


def planned_plan() -> TimePlan:
    return plan_minutes(PRESETS["small"], COSTS, minutes=3, elapsed_s=START_S, validation=HELD_OUT)[1]
