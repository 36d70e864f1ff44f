"""Runs that are stopped and resumed equal an uninterrupted run bit for bit, or are refused with an error."""

import errno
import gc
import os
import shutil
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from model.checkpoint.write import write_checkpoint
from tests.support.app_server import eventually
from tests.support.interruptions import kill_at, signal_after_step
from tests.support.tiny_runs import ROOT, SIZES, Here, checkpoints, flip, metrics, outcome, write_text
from tests.support.training_processes import Training, train
from training.__main__ import main
from training.learner.trainer import Trainer
from training.run.snapshot import read_state, write_state

pytestmark = pytest.mark.usefixtures("text")
SHORT = ("text.txt", *SIZES, "--steps=24", "--set=evaluations=4")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a complete run of a text that is gone."""
    folder = tmp_path_factory.mktemp("made")
    text = write_text(folder)
    assert main([str(text), *SHORT[1:], f"--out={folder / 'run'}"]) == 0
    text.unlink()
    return folder


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made / "run", tmp_path / "run")


def test_training_continues_while_a_checkpoint_is_written(
    here: Here, tmp_path: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is written only after one more step, and still holds the weights of its own step.

    Writing uses one thread: with more threads than processors, OpenMP puts training threads to sleep.
    """
    step, done = Trainer.step, list[int]()
    threads: list[int] = []

    def counted(trainer: Trainer, *arguments: Any, **options: Any) -> float:
        nats = step(trainer, *arguments, **options)
        done.append(1)
        return nats

    def written(folder: Path, checkpoint: Any, **options: Any) -> None:
        if checkpoint.training["step"] < 24:
            eventually(lambda: len(done) > checkpoint.training["step"])
            threads.append(torch.get_num_threads())
        write_checkpoint(folder, checkpoint, **options)

    monkeypatch.setattr(Trainer, "step", counted)
    monkeypatch.setattr("training.run.snapshot.write_checkpoint", written)
    here(*SHORT, "--out=run")
    assert threads == [1] * 3
    assert outcome(tmp_path / "run") == outcome(made / "run")


def test_a_run_stopped_by_every_signal_equals_an_uninterrupted_one(here: Here, tmp_path: Path) -> None:
    """Ctrl-C, SIGTERM and kill -9, the last one also while a checkpoint is saved; tests/soak kills at each point."""
    write_text(tmp_path, paragraphs=True)
    stops = [(5, signal.SIGINT, 130, "Ctrl-C"), (11, signal.SIGTERM, 143, "SIGTERM")]
    resumed_at = 0
    for step, number, code, name in stops:
        arguments = ("--resume=run",) if resumed_at else (*SHORT, "--set=shuffle=true", "--out=run")
        run = train(*arguments, cwd=tmp_path, prepare=[partial(signal_after_step, step, number)])
        assert run.end() == code
        assert (f"Resuming after step {resumed_at} of 24." in run.output) == bool(resumed_at)
        assert f"{name}: saving after this step" in run.output
        assert f"Stopped after step {step}. To continue:\n  python -m training --resume run" in run.output
        resumed_at = step
    for kill in (partial(signal_after_step, 17, signal.SIGKILL), partial(kill_at, "sync", 9)):
        assert train("--resume=run", cwd=tmp_path, prepare=[kill]).end() == -signal.SIGKILL
    here("--resume=run")
    here(*SHORT, "--set=shuffle=true", "--out=whole")
    assert outcome(tmp_path / "run") == outcome(tmp_path / "whole")


def test_a_signal_before_the_first_step_leaves_no_files(tmp_path: Path) -> None:
    """While the text is read, and while the machine is measured."""
    write_text(tmp_path, 20_000)
    os.mkfifo(tmp_path / "endless")
    before = sorted(tmp_path.iterdir())
    slow = ("text.txt", *SIZES, "--minutes=60", "--out=a/run")  # is measured for some seconds
    for arguments, line in ((("endless", "--out=a/run"), "^Reading endless"), (slow, "^Measuring this machine")):
        with Training(*arguments, cwd=tmp_path) as run:
            run.until(line)
            run.send(signal.SIGTERM)
            assert run.end() == 143
        assert run.lines[-1] == "stopped"
        assert sorted(tmp_path.iterdir()) == before


def test_a_run_of_an_earlier_version_is_resumed(here: Here, tmp_path: Path) -> None:
    """It was written by another version, on another machine, and killed after step 17 of 24."""
    shutil.copytree(ROOT / "tests/vectors/unfinished_run", tmp_path / "run")
    output = here("--resume=run")
    assert "Resuming after step 8 of 24." in output
    losses = [line["val_loss"] for line in metrics(tmp_path / "run")]
    assert losses == pytest.approx([2.577134, 2.571549, 2.540176, 2.515435], abs=1e-5)


def test_a_run_that_does_not_record_what_may_be_quoted_publishes_no_address(here: Here, tmp_path: Path) -> None:
    """As versions before `quotes` left it, which took every address for one that anyone can read."""
    run = tmp_path / "run"
    shutil.copytree(ROOT / "tests/vectors/unfinished_run", run)
    state, tensors = read_state(run / "step-00000008")
    about = {name: value for name, value in state["about"].items() if name != "quotes"}
    public = {"sources": ["https://ada.example/?secret"], "errors": "strict"}
    corpus = {**state["corpus"], "public": public}
    write_state(run / "step-00000008", {**state, "about": about, "corpus": corpus}, tensors)
    here("--resume=run")
    saved = [path.read_text() for path in checkpoints(run)[-1].rglob("*") if path.suffix in (".json", ".md")]
    assert not [text for text in saved if "secret" in text]


def test_a_run_trains_on_its_copy_of_the_text(here: Here, tmp_path: Path, run: Path) -> None:
    """The original is gone; another text does not replace the copy, and the same one repairs a damaged copy."""
    before = outcome(run)
    (tmp_path / "other.txt").write_text("another text" * 20)
    here("--resume=run", "other.txt", code=2)
    here("--resume=run")
    flip(run / "text.ids")
    assert "no whole copy of its text" in here("--resume=run", code=2)
    (tmp_path / "text.txt").rename(tmp_path / "moved.txt")
    here("moved.txt", "--resume=run")
    (tmp_path / "moved.txt").unlink()
    here("--resume=run")  # the copy is whole again
    assert outcome(run) == before


def test_a_full_disk_at_the_end_is_an_error(here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(folder: Path, *what: Any, plain: Callable[..., None] = write_state) -> None:
        if len((folder / "metrics.jsonl").read_text().splitlines()) == 4:
            raise OSError(28, "No space left on device")
        plain(folder, *what)

    with monkeypatch.context() as full:
        full.setattr("training.run.snapshot.write_state", write)
        output = here(*SHORT, "--out=run", code=1)
    assert "warning: step 24 could not be saved (No space left on device); earlier checkpoints are intact" in output
    assert "error: the last checkpoint is not saved completely: free some disk space, then use --resume" in output
    output = here("--resume=run")
    assert "Resuming after step 16 of 24." in output
    assert checkpoints(tmp_path / "run")[-1].name == "step-00000024"


def files_in_use() -> set[str]:
    """Returns the paths of the files that this process has open or mapped into memory (reads /proc)."""
    paths = set()
    for handle in Path("/proc/self/fd").iterdir():
        try:
            paths.add(str(handle.readlink()))
        except OSError:  # the handle of this very listing
            continue
    for line in Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines():
        paths.add(line.partition("/")[1] + line.partition("/")[2])
    return paths


def checked(call: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a function of os that raises PermissionError for files in use, as on Windows."""

    def wrapped(*paths: Any, **options: Any) -> Any:
        for path in paths:
            if isinstance(path, str | Path) and os.path.realpath(path) in files_in_use():
                raise PermissionError(errno.EACCES, "The file is being used by another process", str(path))
        return call(*paths, **options)

    return wrapped


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to see which files are in use")
def test_a_run_trains_and_resumes_where_files_in_use_can_be_neither_renamed_nor_deleted(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows."""
    for name in ("replace", "rename", "unlink", "remove"):
        monkeypatch.setattr(os, name, checked(getattr(os, name)))
    here(*SHORT, "--out=run")
    here("--resume=run")
    gc.collect()  # the runs before map the text until they are collected; a process of its own would have ended
    here("text.txt", "--resume=run")  # reads the text again and replaces its copy
    assert not list((tmp_path / "run").glob(".*"))
