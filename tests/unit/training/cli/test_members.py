"""How many teachers a run trains first, for how long, with which options; and what is noted to continue it."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from model import ChatFormat
from model.settings import MAX_SEED
from training.cli.members import (
    MembersPlan,
    StartedRun,
    member_seed,
    plan_members,
    started_run,
)
from training.cli.options import parse_train
from training.errors import RunError
from training.os_calls import processors
from training.run.facts import TextFacts
from training.run.run_folder import MEMBERS

CPU = torch.device("cpu")
TEXT = TextFacts(record={"name": "text", "sha256": "0", "characters": 9, "public": None}, examples=["a"])


def plan(typed: str, device: torch.device = CPU) -> MembersPlan:
    return plan_members(parse_train(typed.split()), time.monotonic(), device)


def started(
    typed: str, *, chat: ChatFormat | None = None, seconds: float = 0.0, complete: tuple[int, ...] = ()
) -> StartedRun:
    options = parse_train(typed.split())
    return StartedRun(
        options=options, text=TEXT, chat=chat, plan=MembersPlan(count=2, steps=5), seconds=seconds, complete=complete
    )


def test_each_teacher_takes_half_the_steps() -> None:
    assert plan("a.txt --teachers 3 --steps 41") == MembersPlan(count=3, steps=20)
    assert plan("a.txt --teachers 1 --steps 1") == MembersPlan(count=1, steps=1)
    assert plan("a.txt --steps 41").count == plan("a.txt --teachers 0 --steps 41").count == 0


def test_all_teachers_together_take_half_the_minutes() -> None:
    rounds = -(-4 // processors())
    found = plan("a.txt --teachers 4 --minutes 10")
    assert (found.count, found.steps) == (4, None)
    assert found.minutes == pytest.approx(5 / rounds, abs=0.01)
    on_gpu = plan("a.txt --teachers 4 --minutes 10", device=torch.device("cuda"))
    assert on_gpu.minutes == pytest.approx(5 / 4, abs=0.01)  # one after another


@pytest.mark.parametrize(("threads", "count"), [(1, 3), (2, 4), (3, 3), (4, 4), (8, 8), (64, 8)])
def test_auto_keeps_all_processors_busy(threads: int, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.side_by_side.choice.processors", lambda: threads)
    assert plan("a.txt --teachers auto --minutes 9").count == count
    assert plan("a.txt --teachers auto --steps 9", torch.device("cuda")).count == 3
    assert plan("a.txt --minutes 9").count == 0


def test_seeds_follow_from_the_seed_of_the_run_and_differ() -> None:
    seeds = [member_seed(seed, number) for seed in (0, 1, 2, MAX_SEED) for number in range(1, 65)]
    assert len(set(seeds)) == len(seeds)
    assert all(member_seed(seed, number) != seed for seed in (0, 1, 2, MAX_SEED) for number in range(1, 65))
    assert all(0 <= seed <= MAX_SEED for seed in seeds)


def test_a_teacher_is_trained_with_the_options_of_the_run(tmp_path: Path) -> None:
    typed = "a.txt --teachers 2 --steps 9 --seed 7 --lr 0.003 --hidden-size 12 --no-bfloat16 --no-fit --preset tiny"
    task = started(f"{typed} --from ada/x --teacher ada/y --push-to ada/z").task(tmp_path / "run", 2, CPU)
    assert task.folder == tmp_path / "run" / MEMBERS / "2"
    options = parse_train(task.arguments)
    assert options.recipe == {"seed": 7002, "lr": 0.003, "hidden_size": 12, "bfloat16": False}
    assert (options.steps, options.preset, options.no_fit, options.parent) == (5, "tiny", True, "ada/x")
    assert (options.members, options.teachers, options.push_to, options.device) == (0, (), None, "cpu")
    assert options.text_of == str(tmp_path / "run")


def test_a_started_run_is_read_as_it_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written = started(
        "a.txt --teachers 2 --steps 9 --seed 7 --from ./x --teacher bundled:bible --teacher ada/y",
        chat=ChatFormat("A: ", "B: ", "\n"),
        seconds=5,
    )
    (tmp_path / "run").mkdir()
    (tmp_path / "x").mkdir()
    written.write(tmp_path / "run")
    found = started_run(parse_train(["--resume=run", "--push-to=ada/z"]))
    assert found is not None
    assert found.options.text == (str(tmp_path / "a.txt"),)
    assert found.options.parent == str(tmp_path / "x")
    assert found.options.teachers == ("bundled:bible", "ada/y")
    assert f"--from={tmp_path / 'x'}" in written.task(tmp_path / "run", 1, CPU).arguments, "Ray runs it elsewhere"
    assert (found.options.out, found.options.push_to, found.options.resume) == ("run", "ada/z", None)
    assert replace(found, options=written.options) == written


def test_only_a_run_without_a_checkpoint_is_started_again(tmp_path: Path) -> None:
    resume = parse_train([f"--resume={tmp_path}"])
    assert started_run(parse_train(["a.txt"])) is None
    assert started_run(resume) is None
    started("a.txt").write(tmp_path)
    assert started_run(resume) is not None
    (tmp_path / "step-00000001").mkdir()
    assert started_run(resume) is None


@pytest.mark.parametrize("content", ["", "[]", '{"format_version": 1}', '{"format_version": 2}'])
def test_a_plan_that_cannot_be_read_is_refused_in_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / MEMBERS).mkdir()
    (tmp_path / MEMBERS / "plan.json").write_text(content)
    with pytest.raises(RunError, match=r"^'.*plan.json' cannot be read \(.*\): remove .*, and start the run again$"):
        started_run(parse_train([f"--resume={tmp_path}"]))
