"""--over: settings and values as they are typed, each mistake in one line."""

from __future__ import annotations

import pytest

from model.cli.arguments import UsageError
from training.cli.options import parse_train, recipe_words
from training.cli.sweep.grid import combinations, label, parse_over


def test_each_combination_of_fields_and_recipe_words() -> None:
    axes = parse_over("hidden_size=256,384 --lr=3e-3,6e-3 bfloat16=true,False")
    assert axes == {"hidden_size": (256, 384), "lr": (0.003, 0.006), "bfloat16": (True, False)}
    found = combinations(axes)
    assert len(found) == 8
    assert found[0] == {"hidden_size": 256, "lr": 0.003, "bfloat16": True}
    assert [each["bfloat16"] for each in found[:4]] == [True, False, True, False]
    assert label(found[1]) == "hidden_size=256 lr=0.003 bfloat16=false"
    assert parse_over("matrix-lr=0.01") == parse_over("--matrix-lr=1e-2") == {"matrix_lr": (0.01,)}


def test_the_flags_of_a_combination_are_read_as_they_were_meant() -> None:
    for settings in combinations(parse_over("num_layers=1,2 average=0.99 bfloat16=true,false lr=1e-05")):
        assert parse_train(recipe_words(settings)).recipe == settings
    assert parse_train(recipe_words({"steps": 30})).steps == 30


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("hiden_size=1", "--over: there is no setting 'hiden_size': did you mean hidden_size?"),
        ("--hiden-size=1", "--over: there is no setting '--hiden-size': did you mean hidden_size?"),
        ("minutes=1,2", "--over: there is no setting 'minutes': it must be one of embedding_size, hidden_size,"),
        ("lr=0", "--over: lr is 0: it must be a number above 0, at most 10"),
        ("lr=1e-3,fast", "--over: lr is 'fast': it must be a number"),
        ("lr=1e-3,", "--over: lr is '': it must be a number"),
        ("hidden_size=2.5", "--over: hidden_size is 2.5: it must be a whole number from 1 to 8,192"),
        ("bfloat16=1", "--over: bfloat16 is '1': it must be true or false"),
        ("lr=1e-3,0.001", "--over: lr=1e-3,0.001 has a value twice: omit one"),
        ("lr=1 lr=2", "--over: lr is given twice: write lr=VALUE,VALUE once"),
        ("lr", "--over is 'lr': 'lr' lacks its values: write NAME=VALUE,VALUE"),
        (" ", "--over needs settings and their values, such as"),
        (" ".join(f"{name}={','.join(map(str, range(1, 12)))}" for name in ("batch", "window", "steps")), "--over has"),
    ],
)
def test_a_mistake_is_one_line(typed: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_over(typed)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
