"""Recipes: bounds, help, schedule, and the steps of evaluations and samples."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import Any

import pytest

from training.learner.recipe import (
    PRESETS,
    RECIPE_SETTINGS,
    Recipe,
    fit_dropout,
    fit_to_vocabulary,
    help_text,
    preset_for,
)


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
    if field.name.startswith("dropout"):
        assert "fitted to the text" in text
    elif RECIPE_SETTINGS[field.name].type is not bool:
        assert f"{PRESETS['medium'].to_json()[field.name]:g}" in text


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
