"""Options: every mistake is one line that names the option, the value and what is allowed."""

from __future__ import annotations

import pytest

from model.cli.arguments import UsageError
from training.cli.options import parse_train


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("--set lr=0", "--set lr is 0: it must be a number above 0, at most 10"),
        ("--set lr=nan", "--set lr is nan: it must be"),
        ("--set batch=2.5", "--set batch is 2.5: it must be a whole number from 1 to 65,536"),
        ("--set hidden_size=" + "9" * 6000, "--set hidden_size is inf: it must be"),
        ("--set bfloat16=maybe", "--set bfloat16 is 'maybe': it must be true or false"),
        ("--set lr", "--set lr: it is written NAME=VALUE"),
        ("--set hiden_size=3", "--set hiden_size=3: did you mean hidden_size=VALUE?"),
        ("--set steps=3", "--set steps=3: it is written NAME=VALUE (python -m training --help lists the settings)"),
        ("--steps 0", "--steps is 0: it must be a whole number from 1 to"),
        ("--steps 1e3", "--steps is 1000.0: it must be"),
        ("--minutes 0", "--minutes is 0: it must be a number above 0, at most 100,000"),
        ("--minutes long", "--minutes is 'long': it must be"),
        ("--teachers -1", "--teachers is -1: it must be auto, or a whole number from 0 to 64"),
        ("--teachers some", "--teachers is 'some': it must be auto"),
        ("--ray local", "--ray is for --teachers: give --teachers N, too, or omit it"),
        ("--resume r --teachers 2", "--teachers cannot change in a run: omit it with --resume"),
        ("--minutes 1 --steps 1", "--minutes and --steps both set the length"),
        ("--preset huge", "invalid choice: 'huge'"),
        ("--unknown", "unrecognized arguments: --unknown"),
        ("--private", "--private is for a push: give --push-to USER/NAME, too"),
        ("--resume r --out o", "--resume continues a run in its own folder: omit --out"),
        ("--resume r --set hidden_size=9", "--set cannot change in a run: omit it with --resume"),
        (
            "--resume r --minutes 9",
            "--minutes cannot change in a run: omit it with --resume (to train longer, start a new run",
        ),
    ],
)
def test_mistakes_are_one_clear_line(typed: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_train(["text.txt", *typed.split()])
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 300


def test_options_in_both_spellings() -> None:
    for typed in (["--set", "lr=0.01", "--set", "num-layers=3"], ["--set=lr=0.01,num_layers=3"]):
        assert parse_train(typed).recipe == {"lr": 0.01, "num_layers": 3}
    assert parse_train(["--set", "bfloat16=False,seed=2"]).recipe == {"bfloat16": False, "seed": 2}


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("text.txt --epochs 3", "unrecognized arguments: --epochs 3: did you mean --minutes or --steps?"),
        ("text.txt --learning-rate=0.1", "did you mean --set lr=VALUE?"),
        ("text.txt --hiden-size 3", "did you mean --set hidden_size=VALUE?"),
        ("text.txt --minuts 3", "did you mean --minutes?"),
    ],
)
def test_a_likely_mistake_gets_a_suggestion(typed: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_train(typed.split())
    assert message in str(error.value)
