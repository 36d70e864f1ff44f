"""Minutes to steps, with given times instead of measured ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from time import monotonic

import numpy as np
import pytest
import torch

from model import LSTMConfig
from training.errors import RunError
from training.learner.recipe import PRESETS, Recipe
from training.run import measure
from training.run.measure import Plan, fit_minutes, memory_needed

TINY = Recipe(embedding_size=4, hidden_size=8, num_layers=1, batch=4, window=16)
TEXT = np.arange(2000, dtype=np.int32) % 9
CPU = torch.device("cpu")


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Seconds that steps, evaluations and checkpoints take here; the clock does not move."""
    taken = {"step": 0.1, "evaluation": 0.5, "sample": 0.1, "checkpoint": 0.5, "now": 1000.0}
    monkeypatch.setattr(measure, "_step_seconds", lambda *_: [taken["step"]])
    monkeypatch.setattr(measure, "_evaluation_seconds", lambda *_: taken["evaluation"] - taken["sample"])
    monkeypatch.setattr(measure, "_sample_seconds", lambda *_: taken["sample"])
    monkeypatch.setattr(measure, "_checkpoint_seconds", lambda *_: taken["checkpoint"])
    monkeypatch.setattr(measure, "monotonic", lambda: taken["now"])
    return taken


def fit(plan: Plan, recipe: Recipe = TINY, folder: Path = Path()) -> Recipe:
    return fit_minutes(recipe, plan, 9, TEXT, 200, folder, CPU)[0]


def total_s(recipe: Recipe, times: dict[str, float], *, pushes: bool = False) -> float:
    evaluation_s = times["evaluation"] + times["checkpoint"] + (measure.CARD_S if pushes else 0)
    samples_s = max(0, 20 - recipe.evaluations) * times["sample"]
    return recipe.steps * times["step"] + recipe.evaluations * evaluation_s + samples_s + measure.END_S


@pytest.mark.parametrize("seconds", [30, 60, 300, 3600, 36_000])
@pytest.mark.parametrize("pushes", [False, True])
def test_everything_that_takes_time_is_counted(times: dict[str, float], seconds: float, pushes: bool) -> None:
    spent_s = 6.0
    recipe = fit(Plan(minutes=seconds / 60, start=times["now"] - spent_s, pushes=pushes))
    assert spent_s + total_s(recipe, times, pushes=pushes) == pytest.approx(seconds, abs=0.2)


def test_evaluations_take_a_twentieth_of_the_time_at_most(times: dict[str, float]) -> None:
    times["evaluation"] = 2.5
    recipe = fit(Plan(minutes=5, start=times["now"]))
    assert recipe.evaluations == 4
    assert fit(Plan(minutes=1 / 6, start=times["now"])).evaluations == 2


def test_long_runs_evaluate_every_minute(times: dict[str, float]) -> None:
    assert [fit(Plan(minutes=minutes, start=times["now"])).evaluations for minutes in (10, 20, 90, 1000)] == [
        20,
        20,
        90,
        200,
    ]


def test_a_chosen_number_of_evaluations_stays(times: dict[str, float]) -> None:
    recipe = fit(Plan(minutes=5, start=times["now"], fixed=frozenset({"evaluations"})), replace(TINY, evaluations=7))
    assert recipe.evaluations == 7


def test_too_little_time_still_gives_some_steps(times: dict[str, float]) -> None:
    recipe = fit(Plan(minutes=0.0001, start=times["now"] - 5))
    assert (recipe.steps, recipe.evaluations) == (10, 2)


def test_a_real_machine_gives_a_real_recipe(tmp_path: Path) -> None:
    """Its numbers cannot be known, but no file is left behind."""
    recipe, rate = fit_minutes(TINY, Plan(minutes=1, start=monotonic()), 9, TEXT, 200, tmp_path, CPU)
    assert recipe.steps >= 10
    assert rate > 0
    assert replace(recipe, steps=TINY.steps, evaluations=TINY.evaluations) == TINY
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_takes_no_checkpoint_is_refused_before_the_first_step(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"a checkpoint cannot be written to 'gone' \(No such file or directory\)"):
        fit_minutes(TINY, Plan(minutes=1, start=monotonic()), 9, TEXT, 200, tmp_path / "gone", CPU)


def test_a_chosen_number_format_stays(times: dict[str, float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "_is_faster_in_bfloat16", lambda *_: False)
    wanted = replace(TINY, bfloat16=True)
    assert not fit(Plan(minutes=1, start=times["now"]), wanted).bfloat16
    assert fit(Plan(minutes=1, start=times["now"], fixed=frozenset({"bfloat16"})), wanted).bfloat16


def test_the_memory_needed_is_a_lower_bound() -> None:
    config = LSTMConfig(65, 64, 512, 2)
    needed = memory_needed(PRESETS["medium"], config)
    assert 100e6 < needed < 400e6
    huge = replace(PRESETS["large"], hidden_size=8192, batch=4096, window=4096)
    assert memory_needed(huge, LSTMConfig(65, 64, 8192, 1)) > 1e12
