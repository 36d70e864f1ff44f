"""Options: every mistake is one line that names the option, the value and what is allowed."""

from __future__ import annotations

import pytest

from model.cli.arguments import UsageError
from training.cli.options import parse_train


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("--set lr=0", "--set lr is 0: it must be a number above 0, at most 10"),
        ("--set hidden_size=" + "9" * 6000, "--set hidden_size is inf: it must be"),
        ("--set bfloat16=maybe", "--set bfloat16 is 'maybe': it must be true or false"),
        ("--set hiden_size=3", "--set hiden_size=3: did you mean hidden_size=VALUE?"),
        ("--hiden-size 3", "did you mean --set hidden_size=VALUE?"),
        ("--minuts 3", "unrecognized arguments: --minuts 3: did you mean --minutes?"),
        ("--steps 0", "--steps is 0: it must be a whole number from 1 to"),
        ("--minutes long", "--minutes is 'long': it must be a number above 0, at most 100,000"),
        ("--minutes 1 --steps 1", "--minutes and --steps both set the length"),
        ("--ray local", "--ray is for --teachers: give --teachers N, too, or omit it"),
        ("--private", "--private is for a push: give --push-to USER/NAME, too"),
        ("--resume r --out o", "--resume continues a run in its own folder: omit --out"),
        ("--resume r --from x", "--from starts a new run: omit --resume"),
        ("--resume r --minutes 9", "--minutes cannot change in a run: omit it with --resume (to train longer, start"),
    ],
)
def test_mistakes_are_one_clear_line(typed: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_train(["text.txt", *typed.split()])
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 300


def test_settings_in_both_spellings() -> None:
    for typed in (
        ["--set", "lr=0.01", "--set", "num-layers=3,bfloat16=False"],
        ["--set=lr=0.01,num_layers=3,bfloat16=false"],
    ):
        assert parse_train(typed).recipe == {"lr": 0.01, "num_layers": 3, "bfloat16": False}
