"""Trainings in processes of their own: killed ones continue, stopped ones save, and none outlives its parent."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from model.files import AlreadyLockedError, acquire_lock
from tests.support.teacher_processes import pids_of
from tests.support.tiny_runs import SIZES, checkpoints, environment, write_text
from training.cli.child_trainings import OUTPUT, ChildTraining, this_machine, train_all
from training.corpus.reader import read_corpus
from training.errors import RunError
from training.run.facts import Evaluation
from training.run.kept_text import write_kept_text
from training.run.run_folder import IDS

pytestmark = pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="finds processes in Linux's /proc")

PARENT = """
import sys
from pathlib import Path
from training.cli.child_trainings import ChildTraining, this_machine, train_all
text, folder, *words = sys.argv[1:]
training = ChildTraining(folder=Path(folder), arguments=(text, *words), resumes=(text,))
list(train_all([training], this_machine("cpu"), lambda *_: print("evaluated", flush=True)))
"""
SHORT = (*SIZES, "--steps=60", "--set=evaluations=4,bfloat16=false", "--teachers=0")
ENDLESS = (*SHORT, "--steps=1000000", "--set=evaluations=10000")  # evaluates every 100 steps


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The option of a teacher that names a run with a text."""
    run = tmp_path_factory.mktemp("run")
    write_kept_text(read_corpus([str(write_text(run))], path=run / IDS), run)
    return f"--text-of={run}"


def child(folder: Path, text: str, words: tuple[str, ...]) -> ChildTraining:
    return ChildTraining(folder=folder, arguments=(text, *words), resumes=(text,))


def test_a_training_that_cannot_start_is_not_tried_again(tmp_path: Path) -> None:
    missing = child(tmp_path / "1", str(tmp_path / "missing.txt"), ("--steps=5",))
    with pytest.raises(RunError, match=r"^teacher 1 could not be trained: there is no file"):
        list(train_all([missing], this_machine("cpu"), lambda *_: None))
    assert (tmp_path / "1" / OUTPUT).read_text().count("error: ") == 1


def test_closing_lets_the_trainings_save_a_checkpoint_and_stop(tmp_path: Path, text: str) -> None:
    trainings = [child(tmp_path / name, text, ENDLESS) for name in ("a", "b")]
    evaluated: set[str] = set()

    def stop_after_all(training: ChildTraining, _: Evaluation) -> None:
        evaluated.add(training.folder.name)
        if len(evaluated) == min(2, this_machine("cpu").at_once):
            raise KeyboardInterrupt

    with (
        pytest.raises(KeyboardInterrupt),
        contextlib.closing(train_all(trainings, this_machine("cpu"), stop_after_all)) as trained,
    ):
        next(trained)
    for name in evaluated:
        folder = tmp_path / name
        assert pids_of(folder) == []
        assert "SIGTERM: saving after this step" in (folder / OUTPUT).read_text()
        saved = int(checkpoints(folder)[-1].name.removeprefix("step-"))
        assert f"Stopped after step {saved:,}." in (folder / OUTPUT).read_text()


def test_a_training_stops_when_its_parent_is_killed_and_the_next_one_waits_for_it(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "1"
    command = [sys.executable, "-c", PARENT, text, str(folder), *ENDLESS]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, cwd=tmp_path) as parent:
        assert parent.stdout
        assert parent.stdout.readline() == b"evaluated\n"
        os.kill(parent.pid, signal.SIGKILL)
    unlock = None
    while unlock is None:
        with contextlib.suppress(AlreadyLockedError):  # the orphan still saves
            unlock = acquire_lock(folder / "lock")
    assert "SIGTERM: saving after this step" in (folder / OUTPUT).read_text()
    trainings = [child(folder, text, ENDLESS), child(tmp_path / "2", text, SHORT)]
    if this_machine("cpu").at_once > 1:
        with contextlib.closing(train_all(trainings, this_machine("cpu"), lambda *_: None)) as trained:
            assert next(trained).folder.name == "2", "a folder that is locked takes one place only"
    assert "Resuming" not in (folder / OUTPUT).read_text()
    unlock()
