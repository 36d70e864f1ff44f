"""``--teachers N``: a run trains its teachers first; killed or stopped at any time, it ends with the same bits."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch

from model import CharLSTM
from tests.support.teacher_processes import kill, pids_of
from tests.support.tiny_runs import SIZES, outcome, write_text
from tests.support.training_processes import Training, train
from training.cli.child_trainings import OUTPUT
from training.run.run_folder import SOFT_TARGETS, TEACHERS, has_checkpoint

pytestmark = pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="finds processes in Linux's /proc")

ONE_AT_A_TIME = [partial(torch.set_num_threads, 1)]
if hasattr(os, "sched_setaffinity"):  # not on macOS and Windows, where no test of this module runs
    ONE_AT_A_TIME.append(partial(os.sched_setaffinity, 0, {min(os.sched_getaffinity(0))}))
NEW = ("text.txt", *SIZES, "--steps=40", "--set=evaluations=4,bfloat16=false", "--teachers=2")


def wait_for(happened: Callable[[], bool]) -> None:
    while not happened():
        time.sleep(0.02)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a text, a run that nothing interrupted, "whole", and what it printed, "output"."""
    folder = tmp_path_factory.mktemp("runs")
    write_text(folder)
    run = train(*NEW, "--out=whole", cwd=folder, prepare=ONE_AT_A_TIME)
    assert run.end() == 0, run.output
    (folder / "output").write_text(run.output)
    return folder


def test_the_plan_and_the_teachers_are_printed_and_nothing_of_them_is_left(folder: Path) -> None:
    output = (folder / "output").read_text()
    planned = "Training 2 teachers, one after another, 20 steps each; then the model that learns from them, 40 steps"
    assert planned in output
    assert output.count("Teacher 2 is trained: held-out loss ") == 1
    assert "Computing the predictions of 2 models for the text …" in output
    assert not (folder / "whole" / TEACHERS).exists()
    assert not (folder / "whole" / SOFT_TARGETS).exists()
    lm = CharLSTM.from_pretrained(folder / "whole")
    assert lm.training["taught_by"]["models"] == ["", ""]
    assert "--teachers 2" in lm.training["command"]


def test_a_run_that_is_interrupted_while_its_teachers_train_ends_with_the_same_bits(folder: Path) -> None:
    """A teacher is killed, then the run; then the run gets SIGTERM; at last it is resumed without its text."""
    run = folder / "killed"
    with Training(*NEW, "--out=killed", cwd=folder, prepare=ONE_AT_A_TIME) as first:
        wait_for(lambda: has_checkpoint(run / TEACHERS / "1"))
        kill(run / TEACHERS / "1")
        assert first.end() == 2
    assert "error: teacher 1 could not be trained" in first.output
    assert "To continue:\n  python -m training --resume killed" in first.output
    with Training("--resume=killed", cwd=folder, prepare=ONE_AT_A_TIME) as first:
        wait_for(lambda: has_checkpoint(run / TEACHERS / "2"))
        first.send(signal.SIGKILL)
        assert first.end() == -9
    orphans = set(pids_of(run / TEACHERS / "2"))  # they save a checkpoint, then end
    assert "Resuming after step" in (run / TEACHERS / "1" / OUTPUT).read_text()
    (folder / "text.txt").rename(folder / "moved.txt")
    try:
        with Training("--resume=killed", "--license=mit", cwd=folder, prepare=ONE_AT_A_TIME) as second:
            wait_for(lambda: bool(set(pids_of(run / TEACHERS / "2")) - orphans))
            second.send(signal.SIGTERM)
            assert second.end() == 143
        assert "To continue:\n  python -m training --resume killed" in second.output
        assert not pids_of(run / TEACHERS / "2")
        assert json.loads((run / TEACHERS / "plan.json").read_bytes())["seconds"] > 0
        resumed = train("--resume=killed", cwd=folder, prepare=ONE_AT_A_TIME)
    finally:
        (folder / "moved.txt").rename(folder / "text.txt")
    assert resumed.end() == 0, resumed.output
    assert CharLSTM.from_pretrained(run).training["license"] == "mit"
    assert not second.output.endswith("stopped\n")
    assert outcome(run) == outcome(folder / "whole")
