"""Options: every mistake is one line that names the option, the value and what is allowed."""

from __future__ import annotations

import pytest

from training.cli.options import OptionsError, chosen, parse, parse_push
from training.errors import HubError


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("--lr 0", "--lr is 0: it must be a number above 0, at most 10"),
        ("--lr -1", "--lr is -1: it must be"),
        ("--lr nan", "--lr is nan: it must be"),
        ("--lr=quick", "--lr is 'quick': it must be"),
        ("--matrix-lr inf", "--matrix-lr is inf: it must be"),
        ("--batch 0", "--batch is 0: it must be a whole number from 1 to 65,536"),
        ("--batch 2.5", "--batch is 2.5: it must be"),
        ("--hidden-size 1000000000", "--hidden-size is 1000000000: it must be a whole number from 1 to 8,192"),
        ("--hidden-size " + "9" * 6000, "--hidden-size is inf: it must be"),
        ("--num-layers -3", "--num-layers is -3: it must be"),
        ("--steps 0", "--steps is 0: it must be a whole number from 1 to"),
        ("--steps 1e3", "--steps is 1000.0: it must be"),
        ("--seed 4294967296", "--seed is 4294967296: it must be"),
        ("--minutes 0", "--minutes is 0: it must be a number above 0, at most 100,000"),
        ("--minutes nan", "--minutes is nan: it must be"),
        ("--minutes long", "--minutes is long: it must be"),
        ("--minutes 1e9", "--minutes is 1000000000.0: it must be"),
        ("--minutes 1 --steps 1", "--minutes and --steps both say how long"),
        ("--preset huge", "invalid choice: 'huge'"),
        ("--errors ignore", "invalid choice: 'ignore'"),
        ("--unknown", "unrecognized arguments: --unknown"),
        ("--out", "expected one argument"),
        ("--min 3", "unrecognized arguments: --min"),
        ("--license Mine!", "--license is 'Mine!': it must be an identifier of the Hub such as"),
        ("--private", "--private says how to push: give --push-to USER/NAME too"),
        ("--resume r --out o", "--resume goes on in its own folder: leave --out away"),
        ("--resume r --hidden-size 9", "--hidden-size is frozen in the run: resume without it"),
        ("--resume r --minutes 9", "--minutes is frozen in the run"),
        ("--resume r --no-bfloat16", "--bfloat16 is frozen in the run"),
        ("--resume r --no-fit", "--no-fit is frozen in the run"),
    ],
)
def test_mistakes_are_one_clear_line(typed: str, message: str) -> None:
    with pytest.raises(OptionsError) as error:
        parse(["text.txt", *typed.split()])
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 300


@pytest.mark.parametrize("repo", ["a/b/c", "", "https://huggingface.co/a/b", "a/x.git", "ada/caché", "a b", "/a", "a/"])
def test_a_repos_name_is_checked_before_anything_is_read(repo: str) -> None:
    with pytest.raises(HubError, match="is not the name of a repo"):
        parse(["--push-to", repo])


def test_options_in_both_spellings() -> None:
    for typed in (["--lr", "0.01", "--batch", "3"], ["--lr=0.01", "--batch=3"]):
        assert chosen(parse(typed)) == {"lr": 0.01, "batch": 3}


def test_what_is_not_said_is_not_chosen() -> None:
    options = parse(["a", "b"])
    assert options.text == ["a", "b"]
    assert chosen(options) == {}
    assert (options.minutes, options.steps, options.license) == (None, None, "unknown")


def test_resume_may_push_elsewhere() -> None:
    options = parse(["--resume", "runs/x", "--push-to", "ada/x", "--private"])
    assert (options.resume, options.push_to, options.private) == ("runs/x", "ada/x", True)
    with pytest.raises(OptionsError, match="--private says how to push"):
        parse(["--resume", "runs/x", "--private"])


def test_push_takes_one_run() -> None:
    assert parse_push(["runs/x"]) == "runs/x"
    with pytest.raises(OptionsError, match="required: RUN"):
        parse_push([])
