"""``--teachers N``: a run trains its teachers first; killed or stopped at any time, it ends with the same bits."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from model import CharLSTM
from tests.support.task_processes import kill, pids_of
from tests.support.tiny_runs import SIZES, outcome, write_text
from tests.support.training_processes import Training, train
from training.run.run_folder import EXPECTED, MEMBERS

pytestmark = pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="finds processes in Linux's /proc")

NEW = ("text.txt", *SIZES, "--steps=40", "--evaluations=4", "--no-bfloat16", "--teachers=2")
Here = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a text, a run with two members that nothing interrupted, "whole", and what it printed, "output"."""
    folder = tmp_path_factory.mktemp("runs")
    write_text(folder)
    run = train(*NEW, "--out=whole", cwd=folder)
    assert run.end() == 0, run.output
    (folder / "output").write_text(run.output)
    return folder


@pytest.fixture
def stopped(folder: Path) -> Iterator[Callable[[str], Training]]:
    """Starts a run of that name, and returns it when its first teacher has been evaluated."""
    with ExitStack() as stack:

        def start(name: str) -> Training:
            run = stack.enter_context(Training(*NEW, f"--out={name}", cwd=folder))
            run.until("^teacher 1 of 2, step")
            return run

        yield start


def test_the_plan_and_the_teachers_are_printed_and_nothing_of_them_is_left(folder: Path) -> None:
    output = (folder / "output").read_text()
    assert "First 2 teachers, " in output
    assert "20 steps each; then the model that learns from them, 40 steps" in output
    assert output.count("teacher 2 of 2, step 20: held-out loss ") == 1
    assert "left in all" in output
    assert "Computing the predictions of 2 models for the text …" in output
    assert not (folder / "whole" / MEMBERS).exists()
    assert not (folder / "whole" / EXPECTED).exists()
    lm = CharLSTM.from_pretrained(folder / "whole")
    assert lm.training["taught_by"]["models"] == ["", ""]
    assert "--teachers 2" in lm.training["command"]


def test_a_killed_teacher_continues(folder: Path, stopped: Callable[[str], Training]) -> None:
    run = stopped("teacher-killed")
    kill(folder / "teacher-killed" / MEMBERS / "1")
    assert run.end() == 0, run.output
    assert outcome(folder / "teacher-killed") == outcome(folder / "whole")


def test_a_run_whose_process_is_killed_while_its_teachers_train_continues(
    folder: Path, stopped: Callable[[str], Training]
) -> None:
    run = stopped("killed")
    run.send(signal.SIGKILL)
    assert run.end() == -9
    (folder / "text.txt").rename(folder / "moved.txt")  # the run has its own copy
    try:
        resumed = train("--resume=killed", cwd=folder)
    finally:
        (folder / "moved.txt").rename(folder / "text.txt")
    assert resumed.end() == 0, resumed.output
    assert outcome(folder / "killed") == outcome(folder / "whole")


def test_a_run_that_is_stopped_while_its_teachers_train_continues(
    folder: Path, stopped: Callable[[str], Training]
) -> None:
    run = stopped("stopped")
    run.send(signal.SIGTERM)
    assert run.end() == 143
    assert "To continue:" in run.output
    assert "--resume stopped" in run.output
    assert [pids_of(member) for member in (folder / "stopped" / MEMBERS).glob("[0-9]*")] == [[], []]
    assert json.loads((folder / "stopped" / MEMBERS / "plan.json").read_bytes())["seconds"] > 0
    resumed = train("--resume=stopped", cwd=folder)
    assert resumed.end() == 0, resumed.output
    assert outcome(folder / "stopped") == outcome(folder / "whole")
