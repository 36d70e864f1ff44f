"""Minutes are kept on simulated machines that change their speed; no clock is read."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from training.cli.plan import with_minutes
from training.learner.recipe import PRESETS, Recipe
from training.learner.schedule import SAMPLES, Schedule
from training.run.clock import LOG, Clock, Costs, ProgressLog, restored
from training.run.measure import Measured
from training.run.threads import Threads

STEP_S, CHARACTER_S, EVALUATION_S = 0.05, 4e-6, 0.1
START_S = 6.0  # of reading and measuring
HELD_OUT = 111_000
Speed = Callable[[float, float], float]  # how many times as slow, from the time and the length of the run


def steady(now: float, total: float) -> float:
    return 1.0


def halves(now: float, total: float) -> float:
    return 2.0 if now > total / 2 else 1.0


def doubles(now: float, total: float) -> float:
    return 0.5 if now > total / 2 else 1.0


def stands_still_for_a_while(now: float, total: float) -> float:
    return 20.0 if 0.2 * total < now < 0.4 * total else 1.0


def jumps(now: float, total: float) -> float:
    return random.Random(int(now / (0.07 * total))).uniform(0.7, 1.9)


def measured(
    step_s: float = STEP_S,
    character_s: float = CHARACTER_S,
    evaluation_s: float = EVALUATION_S,
    sample_s: float = 0.06,
    end_s: float = 2.0,
) -> Measured:
    costs = Costs(step_s=step_s, evaluation_s=evaluation_s + sample_s, sample_s=sample_s, end_s=end_s)
    return Measured(threads=Threads(is_fixed=True), character_s=character_s, costs=costs)


def planned(minutes: float, found: Measured | None = None, **given: Any) -> tuple[Recipe, Measured]:
    found = found or measured()
    recipe = replace(PRESETS["small"], **given)
    return with_minutes(recipe, found, minutes, START_S, HELD_OUT, list(given)), found


@dataclass
class Simulation:
    """A run on a machine whose speed changes; jitter is the standard deviation of a step's seconds.

    `wrong` is how many times as long as measured a step and an evaluation take.
    """

    minutes: float
    speed: Speed = steady
    jitter: float = 0.0
    wrong: tuple[float, float] = (1.0, 1.0)
    step_s: float = STEP_S
    now: float = START_S
    progress: list[tuple[float, float]] = field(default_factory=list)  # the time, and the progress
    rates: list[float] = field(default_factory=list)

    def spend(self, seconds: float, draw: random.Random | None = None) -> float:
        noise = max(0.2, draw.gauss(1, self.jitter)) if draw else 1.0
        seconds *= noise * self.speed(self.now, 60 * self.minutes)
        self.now += seconds
        return seconds

    def run(self) -> Simulation:
        draw = random.Random(1)
        recipe, found = planned(self.minutes, measured(step_s=self.step_s))
        clock = Clock(recipe, self.minutes, replace(found.costs))
        schedule = Schedule(recipe)
        while not clock.is_done:
            before = clock.progress
            self.rates.append(schedule.rate(before))
            seconds = self.spend(self.wrong[0] * self.step_s, draw)
            clock.add_step(seconds, self.now)
            self.progress.append((self.now, clock.progress / recipe.steps))
            if schedule.evaluates(before, clock.progress):
                clock.add_evaluation(self.spend(self.wrong[1] * found.costs.evaluation_s))
            elif schedule.samples(before, clock.progress):
                clock.add_sample(self.spend(found.costs.sample_s))
        self.spend(found.costs.end_s)
        return self


@pytest.mark.parametrize("minutes", [1, 5, 60])
@pytest.mark.parametrize(
    "speed", [steady, halves, doubles, stands_still_for_a_while, jumps], ids=lambda speed: speed.__name__
)
def test_minutes_are_kept_within_three_percent(minutes: float, speed: Speed) -> None:
    run = Simulation(minutes, speed, jitter=0.2, step_s=STEP_S if minutes <= 5 else 0.2).run()
    assert run.now == pytest.approx(60 * minutes, rel=0.03)
    if speed is not stands_still_for_a_while:
        assert all(share == pytest.approx(now / run.now, abs=0.15) for now, share in run.progress)


def test_what_was_measured_wrongly_is_corrected() -> None:
    assert Simulation(2, wrong=(2.0, 4.0)).run().now == pytest.approx(120, rel=0.03)


@pytest.mark.parametrize("speed", [halves, stands_still_for_a_while, jumps], ids=lambda speed: speed.__name__)
def test_the_learning_rate_falls_to_zero_with_the_time(speed: Speed) -> None:
    rates = Simulation(5, speed).run().rates
    falling = rates[rates.index(max(rates)) :]
    assert falling == sorted(falling, reverse=True)
    assert rates[-1] < 0.01


def test_a_run_takes_some_steps_however_short_its_time() -> None:
    run = Simulation(0.0001).run()
    assert len(run.rates) == 10
    assert all(rate > 0 for rate in run.rates)


@pytest.mark.parametrize("minutes", [0.5, 1, 5, 60, 600])
def test_everything_that_takes_time_is_planned(minutes: float) -> None:
    recipe, found = planned(minutes)
    samples_s = max(0, SAMPLES - recipe.evaluations) * found.costs.sample_s
    total = START_S + recipe.steps * STEP_S + recipe.evaluations * found.costs.evaluation_s + samples_s
    assert total + found.costs.end_s == pytest.approx(60 * minutes, abs=STEP_S)


def test_evaluations_take_a_twentieth_of_the_time_at_most_and_long_runs_evaluate_every_minute() -> None:
    assert planned(5, measured(evaluation_s=2.0))[0].evaluations == 5
    assert planned(1 / 3, measured(evaluation_s=2.0))[0].evaluations == 2
    assert [planned(minutes)[0].evaluations for minutes in (10, 20, 90, 1000)] == [20, 20, 90, 200]
    assert planned(0.5, evaluations=70)[0].evaluations == 70


def test_a_large_vocabulary_gets_evaluations_of_fewer_characters() -> None:
    """A text of 6,000 distinct characters, of which 0.4 minutes once took 66 s."""
    costs = {"step_s": 0.3, "character_s": 120e-6, "evaluation_s": 0.0, "sample_s": 0.2, "end_s": 1.0}
    short, long = planned(2, measured(**costs))[0], planned(30, measured(**costs))[0]
    assert (short.evaluations, long.evaluations, long.evaluated) == (2, 6, 200_000)
    assert 10_000 < short.evaluated < HELD_OUT
    assert planned(0.4, measured(**costs))[0].evaluated == 10_000
    assert planned(2, measured(**costs), evaluated=50_000)[0].evaluated == 50_000


def test_the_time_left_of_a_run_of_a_fixed_number_of_steps_counts_its_evaluations() -> None:
    recipe = Recipe(steps=1000, evaluations=10)
    clock, schedule = Clock(recipe), Schedule(recipe)
    for step in range(1, 201):
        clock.add_step(0.1, 0.0)
        if schedule.evaluates(step - 1, step):
            clock.add_evaluation(3.0)
    left_s = 800 * 0.1 + schedule.evaluations_left(200) * clock.costs.evaluation_s
    assert clock.seconds_left(0.0) == pytest.approx(left_s, rel=0.01)
    assert clock.progress == 200


def test_a_clock_survives_a_checkpoint_and_refuses_what_no_run_saves() -> None:
    recipe, found = planned(3)
    clock = Clock(recipe, 3, found.costs, steps_done=7, progress=12.25)
    saved = json.loads(json.dumps(clock.to_json()))
    assert restored(recipe, {"clock": saved}, 7).to_json() == saved
    for name in saved:
        for value in (-1, "?", None, float("nan"), 1e300, True):
            with pytest.raises(ValueError, match="clock"):
                restored(recipe, {"clock": {**saved, name: value}}, 7)
    assert restored(recipe, {}, 7).progress == 7


def test_a_run_of_an_earlier_version_continues_where_it_was() -> None:
    plan = {"minutes": 3, "measured_s": 0.1, "step_s": 0.1, "evaluation": 20, "sample": 2, "end_s": 1.5}
    state = {"time_plan": plan, "decisions": [[0, 1000, 1], [1, 900, 101], [101, 500, 200]]}
    recipe = Recipe(steps=1000)
    clock = restored(recipe, state, 300)
    assert (clock.minutes, clock.progress) == (3, 600)
    assert clock.costs == Costs(step_s=0.1, evaluation_s=2.0, sample_s=0.2, end_s=1.5)
    assert restored(recipe, state, 500).is_done


def logged(folder: Path, steps: int, *, saved_every: int = 100) -> None:
    log = ProgressLog(folder, 0, 0.0, 100)
    for step in range(1, steps + 1):
        assert log.repeated(step) is None  # a new run repeats nothing, whatever an earlier one has left
        log.add(step, 2.5 * step, 1 + step % 2)
        if step % saved_every == 0:
            log.start_file(step)
    log.close()


def repeated(folder: Path, after: int) -> list[int]:
    """The steps that a run repeats after a checkpoint."""
    log = ProgressLog(folder, after, 2.5 * after, 100)
    found = {step: log.repeated(step) for step in range(60)}
    log.close()
    assert all(record in (None, (2.5 * step, 1 + step % 2)) for step, record in found.items())
    return [step for step, record in found.items() if record]


def test_the_log_repeats_what_followed_a_checkpoint(tmp_path: Path) -> None:
    for after, expected in ((20, [*range(21, 36)]), (30, [*range(31, 36)]), (35, []), (10, [])):
        logged(tmp_path, 35, saved_every=10)  # it reaches back to the checkpoint before the newest
        assert repeated(tmp_path, after) == expected
        assert repeated(tmp_path, after) == expected  # a run that was killed before it took a step


def test_a_run_that_is_killed_twice_repeats_all_steps(tmp_path: Path) -> None:
    """First before that of step 30 is on disk, so that it goes on from 20, then before that of step 40 is."""
    logged(tmp_path, 35, saved_every=10)
    log = ProgressLog(tmp_path, 20, 2.5 * 20, 100)
    log.start_file(30)
    log.add(36, 2.5 * 36, 1)
    log.start_file(40)
    log.close()
    assert repeated(tmp_path, 30) == [*range(31, 37)]


@pytest.mark.parametrize("cut", [1, 19, 21, 50])
def test_a_log_that_was_cut_or_damaged_is_read_up_to_there(tmp_path: Path, cut: int) -> None:
    logged(tmp_path, 5)
    data = (tmp_path / LOG).read_bytes()
    whole = (len(data) - cut) // 20
    for damaged in (data[:-cut], data[: whole * 20] + b"\xff" * (len(data) - whole * 20)):
        (tmp_path / LOG).write_bytes(damaged)
        assert repeated(tmp_path, 1) == [*range(2, whole + 1)]
