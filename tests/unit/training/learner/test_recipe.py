"""Recipes: bounds, help, schedule, and the steps of evaluations and samples."""

from __future__ import annotations

import itertools
import math
from dataclasses import fields, replace
from typing import Any

import pytest

from training.learner.recipe import PRESETS, Recipe, fit_dropout, fit_to_vocabulary, help_text, preset_for


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lr", 0),
        ("lr", -1),
        ("lr", math.nan),
        ("lr", math.inf),
        ("lr", True),
        ("lr", "fast"),
        ("matrix_lr", 0.0),
        ("batch", 0),
        ("batch", 1.0),
        ("batch", 10**9),
        ("window", -5),
        ("steps", 0),
        ("steps", 10**4000),
        ("hidden_size", 20_000),
        ("num_layers", 33),
        ("embedding_size", None),
        ("dropout_out", 1),
        ("average", 1.0),
        ("clip", 0),
        ("seed", 2**32),
        ("bfloat16", 1),
    ],
)
def test_a_value_out_of_bounds_is_refused_by_the_name_of_its_field(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^{name} is .*: it must be ") as error:
        Recipe(**{name: value})
    assert len(str(error.value)) < 200


def test_every_field_has_bounds() -> None:
    for field in fields(Recipe):
        wrong: dict[str, Any] = {field.name: "?"}
        with pytest.raises(ValueError, match=field.name):
            Recipe(**wrong)


@pytest.mark.parametrize("field", fields(Recipe), ids=lambda field: field.name)
def test_every_field_has_a_help_text_with_its_default(field: Any) -> None:
    text = help_text(field.name)
    assert "(default: " in text
    if field.name != "bfloat16":
        assert f"{PRESETS['medium'].to_json()[field.name]:g}" in text
    assert ("fitted to the text" in text) == field.name.startswith("dropout")


def test_the_learning_rate_rises_linearly_and_falls_linearly_to_zero() -> None:
    recipe = Recipe(steps=1000, warmup=0.1)
    rates = [recipe.rate_at(step) for step in range(1001)]
    assert rates[0] == pytest.approx(0.01)
    assert rates[99] == 1.0
    assert rates[550] == pytest.approx(0.5)
    assert all(a < b for a, b in itertools.pairwise(rates[:100]))
    assert all(a > b for a, b in itertools.pairwise(rates[100:]))
    assert rates[999] == pytest.approx(1 / 900)
    assert rates[1000] == 0


@pytest.mark.parametrize("steps", [1, 2, 3, 33])
def test_short_runs_have_learning_rates_above_zero(steps: int) -> None:
    assert all(0 < Recipe(steps=steps).rate_at(step) <= 1 for step in range(steps))


def test_evaluations_are_denser_at_first_and_one_is_at_the_end() -> None:
    recipe = Recipe(steps=2000, evaluations=20)
    evaluated = [step for step in range(1, 2001) if recipe.evaluates_after(step)]
    gaps = [after - before for before, after in itertools.pairwise(evaluated)]
    assert len(evaluated) == 20
    assert evaluated[0] < 30
    assert evaluated[-1] == 2000
    assert gaps == sorted(gaps)


def test_samples_come_early_even_with_few_evaluations() -> None:
    recipe = Recipe(steps=1000, evaluations=2)
    shown = [step for step in range(1, 1001) if recipe.samples_after(step)]
    assert len(shown) == 19
    assert shown[0] == 11
    assert not any(Recipe(steps=30, batch=4, window=16).samples_after(step) for step in range(31))  # still noise


@pytest.mark.parametrize(("steps", "evaluations"), [(1, 20), (5, 20), (7, 1), (100, 10_000)])
def test_evaluations_in_very_short_runs(steps: int, evaluations: int) -> None:
    evaluated = [
        step for step in range(steps + 1) if Recipe(steps=steps, evaluations=evaluations).evaluates_after(step)
    ]
    assert 0 not in evaluated
    assert evaluated[-1] == steps
    assert len(evaluated) <= evaluations


def test_a_recipe_survives_json() -> None:
    recipe = Recipe(hidden_size=7, lr=1e-3, bfloat16=True)
    assert Recipe(**recipe.to_json()) == recipe
    assert recipe.characters == 2000 * 64 * 64


@pytest.mark.parametrize("readable", [0.0, 1e5, 5e6, 2e7, 1e12])
@pytest.mark.parametrize("characters", [100, 60_000, 10**6, 10**9])
def test_every_text_and_machine_has_a_preset(readable: float, characters: int) -> None:
    assert preset_for(readable, characters) in PRESETS


def test_a_faster_machine_gets_a_larger_preset() -> None:
    names = [preset_for(readable, 10**6) for readable in (1e5, 5e6, 1e8)]
    assert names == ["tiny", "small", "medium"]


def test_dropout_grows_with_the_passes_over_the_text_and_with_the_network() -> None:
    medium = PRESETS["medium"]
    rates = [fit_dropout(replace(medium, steps=steps), 10**6, 65) for steps in (1, 100, 1000, 10_000, 10**6)]
    assert [each.dropout_out for each in rates] == sorted(each.dropout_out for each in rates)
    assert [each.dropout_weights for each in rates] == sorted(each.dropout_weights for each in rates)
    assert (rates[0].dropout_out, rates[0].dropout_weights) == (0, 0)
    assert (rates[-1].dropout_out, rates[-1].dropout_weights) == (0.5, 0.3)
    small = replace(PRESETS["small"], steps=10_000)
    larger = replace(small, hidden_size=1024)
    assert fit_dropout(small, 10**6, 65).dropout_out < fit_dropout(larger, 10**6, 65).dropout_out
    assert fit_dropout(small, 10**6, 65).dropout_out < fit_dropout(small, 10**5, 65).dropout_out
    assert (
        0 < fit_dropout(larger, 10**6, 65, has_teachers=True).dropout_out < fit_dropout(larger, 10**6, 65).dropout_out
    )


def test_a_large_vocabulary_gets_larger_embeddings_and_fewer_rows() -> None:
    medium = PRESETS["medium"]
    assert fit_to_vocabulary(medium, 65) == fit_to_vocabulary(medium, 300) == medium
    assert fit_to_vocabulary(medium, 5_000) == replace(medium, embedding_size=256)
    assert fit_to_vocabulary(medium, 20_000) == replace(medium, embedding_size=512, batch=26)
    assert fit_to_vocabulary(medium, 10**9).batch == 1
