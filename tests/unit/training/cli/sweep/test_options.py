"""The options of a sweep: those of a training, and how the same command finds its folder again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from model.cli.arguments import UsageError
from training.cli.options import parse_train
from training.cli.sweep.options import parse_sweep, shared_options
from training.cli.sweep.plan import FINISHED, SWEEP, Plan, read_finished, read_plan, sweep_folder, write_finished
from training.errors import RunError

OVER = "--over=lr=1e-3,2e-3 hidden_size=8"


def plan_of(*typed: str) -> Plan:
    plan = parse_sweep(typed).plan
    assert plan is not None
    return plan


def test_the_runs_share_the_other_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old").mkdir()
    typed = ("my.txt", "https://a.org/b.txt", "--minutes", "2", "--no-bfloat16", "--keep-rare", "--from=old")
    plan = plan_of(OVER, *typed, "--teacher=a/b", "--teacher=c/d", "--seeds=2", "--seed=7")
    assert [(run.folder, run.seed) for run in plan.runs] == [
        (f"lr={rate},hidden_size=8,seed={seed}", seed) for seed in (7, 8) for rate in (0.001, 0.002)
    ]
    read = parse_train(plan.runs[3].arguments)
    assert read.text == (str(tmp_path / "my.txt"), "https://a.org/b.txt")
    assert read.recipe == {"lr": 0.002, "hidden_size": 8, "seed": 8, "bfloat16": False}
    assert (read.minutes, read.keep_rare, read.teachers) == (2, True, ("a/b", "c/d"))
    assert read.parent == str(tmp_path / "old")
    assert read.members == 0
    assert shared_options(plan).minutes == 2
    assert plan_of("my.txt", OVER).runs[0].folder == "lr=0.001,hidden_size=8"


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ((), "a sweep needs --over"),
        (("--ovr=lr=1",), "unrecognized arguments: --ovr=lr=1: did you mean --over? (see python -m training sweep"),
        ((OVER, "--lr=1e-3"), "--lr is an option and in --over: omit one of them"),
        (("--over=steps=5,6", "--steps=7"), "--steps is an option and in --over"),
        (("--over=steps=5,6", "--minutes=7"), "--minutes and --steps both set the length"),
        (("--over=seed=1,2", "--seeds=2"), "--seeds and seed in --over both choose seeds"),
        ((OVER, "--seeds=0"), "--seeds is 0: it must be a whole number from 1 to 100"),
        ((OVER, "--minutes=0"), "--minutes is 0: it must be"),
        ((OVER, "--push-to=my"), "--push-to is for one run: omit it, and use it afterwards"),
        ((OVER, "--teachers=2"), "--teachers is for one run: omit it, and use it afterwards with the best settings"),
        ((OVER, "-"), "several runs cannot read standard input"),
        (("--resume=sweeps/my", "--minutes=1"), "--resume continues a sweep as it was started"),
        (("--resume=sweeps/my", OVER), "--resume continues a sweep as it was started"),
    ],
)
def test_a_mistake_is_one_line(typed: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_sweep(typed)
    assert str(caught.value).startswith(message)


def test_the_same_command_has_the_same_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first, other = plan_of("my.txt", OVER, "--minutes=2"), plan_of("my.txt", OVER, "--minutes=3")
    folder = sweep_folder(first, None, "my")
    assert folder == tmp_path / "sweeps" / "my"
    assert sweep_folder(other, None, "my") == tmp_path / "sweeps" / "my-2"
    assert sweep_folder(plan_of("--minutes", "2", OVER, "my.txt"), None, "my") == folder
    assert sweep_folder(first, "sweeps/my", "my") == folder
    assert read_plan(folder) == first
    with pytest.raises(RunError, match="'sweeps/my' holds another sweep: choose another --out"):
        sweep_folder(other, "sweeps/my", "my")


def test_files_of_a_sweep_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"there is no sweep in '.*': it has no sweep\.json"):
        read_plan(tmp_path)
    for content in ("{", "[]", json.dumps({"arguments": [], "over": 3, "seeds": []})):
        (tmp_path / SWEEP).write_text(content)
        with pytest.raises(RunError, match=r"sweep\.json in '.*' cannot be read"):
            read_plan(tmp_path)
    assert read_finished(tmp_path) == []
    assert write_finished(tmp_path, ["lr=1"]) == read_finished(tmp_path) == ["lr=1"]
    (tmp_path / FINISHED).write_text("[]")
    assert read_finished(tmp_path) == []
