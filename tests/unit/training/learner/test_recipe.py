"""Recipes, what a run does at each progress, and the rows of each process."""

import math
from dataclasses import fields, replace
from typing import Any

import pytest

from model.settings import UsageError
from training.learner import processes
from training.learner.recipe import PRESETS, Recipe, Schedule, fit_dropout, fit_to_vocabulary, preset_for

RECIPE = Recipe(steps=1000, evaluations=10, warmup=0.1, batch=16, window=64)


@pytest.mark.parametrize("value", ["?", None, math.nan, -1, 10**4000])
def test_a_value_out_of_bounds_is_refused_by_the_name_of_its_field(value: Any) -> None:
    for field in fields(Recipe):
        wrong: dict[str, Any] = {field.name: value}
        with pytest.raises(ValueError, match=f"^{field.name} is .*: it must be ") as error:
            Recipe(**wrong)
        assert len(str(error.value)) < 200


def test_a_faster_machine_gets_a_larger_preset() -> None:
    names = [preset_for(readable, 10**6) for readable in (1e5, 5e6, 2e8)]
    assert names == ["tiny", "small", "medium"]


def test_dropout_grows_with_the_passes_over_the_text_and_with_the_network() -> None:
    medium, small = PRESETS["medium"], replace(PRESETS["small"], steps=10_000)
    rates = [fit_dropout(replace(medium, steps=steps), 10**6, 65) for steps in (1, 100, 1000, 10_000, 10**6)]
    both = [(each.dropout_out, each.dropout_weights) for each in rates]
    assert (both[0], both) == ((0, 0), sorted(both))
    assert both[-1] == pytest.approx((0.46, 0.23), abs=0.01)  # however many passes
    assert fit_dropout(small, 100_000, 65).dropout_out == 0.5  # a small text
    larger = fit_dropout(replace(small, hidden_size=1024), 10**6, 65)
    taught = fit_dropout(replace(small, hidden_size=1024), 10**6, 65, has_teachers=True)
    assert fit_dropout(small, 10**6, 65).dropout_out < larger.dropout_out
    assert 0 < taught.dropout_out < larger.dropout_out


def test_a_large_vocabulary_gets_larger_embeddings_and_fewer_rows() -> None:
    medium = PRESETS["medium"]
    assert fit_to_vocabulary(medium, 65) == fit_to_vocabulary(medium, 300) == medium
    assert fit_to_vocabulary(medium, 5_000) == replace(medium, embedding_size=256)
    assert fit_to_vocabulary(medium, 20_000) == replace(medium, embedding_size=512, batch=26)
    assert fit_to_vocabulary(medium, 10**9).batch == 1


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


def test_rows_are_shared_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (processes.rank(), processes.count(), processes.rows(5)) == (0, 1, slice(0, 5))
    for name, value in {"RANK": "1", "WORLD_SIZE": "3"}.items():  # as torchrun sets them
        monkeypatch.setenv(name, value)
    assert [processes.rows(batch) for batch in (3, 8)] == [slice(1, 2), slice(2, 5)]
    with pytest.raises(UsageError, match=r"batch is 2, .* 3 processes"):
        processes.rows(2)
