"""``--teachers N``: a run trains its teachers first; killed or stopped at any time, it ends with the same bits."""

import json
import os
import signal
from pathlib import Path

import pytest

from model import CharLSTM
from model.checkpoint.names import checkpoints_of
from tests.support.app_server import eventually
from tests.support.tiny_runs import SIZES, Here, outcome, write_text
from tests.support.training_processes import Training
from training.cli.child_trainings import OUTPUT
from training.cli.teachers import teacher_seed
from training.learner.recipe import Recipe
from training.run.run_folder import SOFT_TARGETS, TEACHERS

NEW = ("text.txt", *SIZES, "--set=evaluations=4,bfloat16=false")


def pids_of(folder: Path) -> set[int]:
    """Returns the processes that train in a folder of a teacher."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:  # it has ended
            continue
        if b"training" in words and str(folder).encode() in words:
            found.add(int(path.parent.name))
    return found


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="finds processes in Linux's /proc")
def test_a_run_that_is_interrupted_while_its_teacher_trains_ends_with_the_same_bits(here: Here, tmp_path: Path) -> None:
    """The teacher is killed, then the run; then the run gets SIGTERM; at last it is resumed without its text.

    The other run has a teacher of ``--teacher`` that was trained as this one should be.
    """
    write_text(tmp_path)
    run, teacher = tmp_path / "run", tmp_path / "run" / TEACHERS / "1"
    with Training(*NEW, "--steps=40", "--teachers=1", "--out=run", cwd=tmp_path) as first:
        eventually(lambda: checkpoints_of(teacher))
        for pid in pids_of(teacher):
            os.kill(pid, signal.SIGKILL)  # as when memory runs out
        assert first.end() == 2
    assert "Training 1 teacher, 20 steps each; then the model that learns from them, 40 steps" in first.output
    assert "error: teacher 1 could not be trained" in first.output
    assert "To continue:\n  python -m training --resume run" in first.output
    with Training("--resume=run", cwd=tmp_path) as second:
        eventually(lambda: "Resuming after step" in (teacher / OUTPUT).read_text())
        second.send(signal.SIGKILL)
        assert second.end() == -9
    orphans = pids_of(teacher)  # they save a checkpoint, then end
    (tmp_path / "text.txt").rename(tmp_path / "moved.txt")
    with Training("--resume=run", "--license=mit", cwd=tmp_path) as third:
        eventually(lambda: pids_of(teacher) - orphans)
        third.send(signal.SIGTERM)
        assert third.end() == 143
    assert "To continue:\n  python -m training --resume run" in third.output
    assert not pids_of(teacher)
    assert json.loads((run / TEACHERS / "plan.json").read_bytes())["seconds"] > 0
    output = here("--resume=run", "--license=mit")
    assert output.count("Teacher 1 is trained: held-out loss ") == 1
    assert "Computing the predictions of a model for the text …" in output
    assert not (run / TEACHERS).exists()
    assert not (run / SOFT_TARGETS).exists()
    record = CharLSTM.from_pretrained(run).training
    assert (record["license"], record["taught_by"]["models"]) == ("mit", [""])
    assert "--teachers 1" in record["command"]
    (tmp_path / "moved.txt").rename(tmp_path / "text.txt")
    here(*NEW, "--steps=20", f"--set=seed={teacher_seed(Recipe.seed, 1)}", "--out=teacher")
    here(*NEW, "--steps=40", "--teacher=./teacher", "--out=whole")
    assert outcome(run) == outcome(tmp_path / "whole")
