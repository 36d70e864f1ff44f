"""Trainings in processes of their own: killed ones continue, stopped ones save, and none outlives its parent."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from model.files import acquire_lock
from tests.support.task_processes import kill, pids_of
from tests.support.tiny_runs import SIZES, checkpoints, environment, metrics, outcome, write_text
from training.run.facts import Evaluation
from training.side_by_side.local_processes import LocalProcesses
from training.side_by_side.task import OUTPUT, TrainingTask

pytestmark = pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="finds processes in Linux's /proc")

PARENT = """
import sys
import time
from pathlib import Path
from training.side_by_side.local_processes import LocalProcesses
from training.side_by_side.task import TrainingTask
task = TrainingTask(folder=Path(sys.argv[1]), arguments=tuple(sys.argv[2:]))
list(LocalProcesses(1).run([task], progress=lambda *_: print("evaluated", flush=True)))
"""


def arguments(folder: Path) -> tuple[str, ...]:
    return (str(write_text(folder)), *SIZES, "--steps=60", "--evaluations=4", "--no-bfloat16")


def endless(folder: Path) -> tuple[str, ...]:
    """Returns the arguments of a run that ends by a signal only; it evaluates every 100 steps."""
    return (*arguments(folder), "--steps=1000000", "--evaluations=10000")


def nothing(*_: object) -> None:
    """Shows no progress."""


def test_a_killed_task_continues_and_ends_with_the_same_bits(tmp_path: Path) -> None:
    tasks = [TrainingTask(folder=tmp_path / name, arguments=arguments(tmp_path)) for name in ("whole", "killed")]
    steps: dict[str, list[int]] = {"whole": [], "killed": []}

    def progress(task: TrainingTask, evaluation: Evaluation) -> None:
        steps[task.folder.name].append(evaluation["step"])
        if task.folder.name == "killed" and len(steps["killed"]) == 1:
            kill(task.folder)

    ended = {each.task.folder.name: each for each in LocalProcesses(2).run(tasks, progress=progress)}
    assert {name: each.exit_code for name, each in ended.items()} == {"whole": 0, "killed": 0}
    assert "Resuming after step" in (tmp_path / "killed" / OUTPUT).read_text()
    assert "Resuming" not in (tmp_path / "whole" / OUTPUT).read_text()
    assert outcome(tmp_path / "killed") == outcome(tmp_path / "whole")
    assert steps["whole"] == sorted(set(steps["whole"]))
    assert steps["whole"][-1] == metrics(tmp_path / "whole")[-1]["step"]


def test_a_task_that_cannot_start_is_not_tried_again(tmp_path: Path) -> None:
    task = TrainingTask(folder=tmp_path / "run", arguments=(str(tmp_path / "missing.txt"), "--steps=5"))
    (ended,) = LocalProcesses(1).run([task], progress=nothing)
    assert ended.exit_code == 2
    assert ended.message.startswith("error: ")
    assert (tmp_path / "run" / OUTPUT).read_text().count("error: ") == 1


def test_closing_lets_the_tasks_save_a_checkpoint_and_stop(tmp_path: Path) -> None:
    tasks = [TrainingTask(folder=tmp_path / name, arguments=endless(tmp_path)) for name in ("a", "b")]
    evaluated: set[str] = set()

    def stop_after_both(task: TrainingTask, _: Evaluation) -> None:
        evaluated.add(task.folder.name)
        if len(evaluated) == 2:
            raise KeyboardInterrupt

    with (
        pytest.raises(KeyboardInterrupt),
        contextlib.closing(LocalProcesses(2).run(tasks, progress=stop_after_both)) as run,
    ):
        next(run)
    for task in tasks:
        assert pids_of(task.folder) == []
        assert "SIGTERM: saving after this step" in (task.folder / OUTPUT).read_text()
        saved = int(checkpoints(task.folder)[-1].name.removeprefix("step-"))
        assert f"Stopped after step {saved:,}." in (task.folder / OUTPUT).read_text()


def test_tasks_stop_when_the_process_that_started_them_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    command = [sys.executable, "-c", PARENT, str(folder), *endless(tmp_path)]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, cwd=tmp_path) as parent:
        assert parent.stdout
        assert parent.stdout.readline() == b"evaluated\n"
        os.kill(parent.pid, signal.SIGKILL)
    while pids_of(folder):
        time.sleep(0.05)
    assert "SIGTERM: saving after this step" in (folder / OUTPUT).read_text()
    acquire_lock(folder / "lock")()
