"""Runs that are stopped and resumed equal an uninterrupted run bit for bit, or are refused with an error."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
import torch

from model import CharLSTM
from model.checkpoint.format import Checkpoint
from model.checkpoint.write import write_checkpoint
from tests.support.interruptions import signal_after_step
from tests.support.killed_runs import kills_that_change_the_outcome
from tests.support.tiny_runs import SIZES, Here, checkpoints, flip, metrics, outcome, words, write_text
from tests.support.training_processes import Training, train
from training.learner.trainer import Trainer

NO_ROOM = "error: the last checkpoint is not saved completely: free some disk space, then use --resume"
SHORT = ("text.txt", *SIZES, "--steps=24", "--set=evaluations=4")


@pytest.fixture(autouse=True)
def _text(tmp_path: Path) -> None:
    write_text(tmp_path)


# saved meanwhile


def test_training_continues_while_a_checkpoint_is_written(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is written only after one more step, and still holds the weights of its own step."""
    assert here(*SHORT, "--out=whole")[0] == 0
    step, steps = Trainer.step, threading.Semaphore(0)
    late: list[bool] = []

    def counted(trainer: Trainer) -> float:
        nats = step(trainer)
        steps.release()
        return nats

    def written(folder: Path, checkpoint: Checkpoint, *, dtype: Literal["bfloat16"]) -> None:
        while steps.acquire(blocking=False):
            pass
        if checkpoint.training["step"] < 24:
            late.append(steps.acquire(timeout=60))
        write_checkpoint(folder, checkpoint, dtype=dtype)

    monkeypatch.setattr(Trainer, "step", counted)
    monkeypatch.setattr("training.run.snapshot.write_checkpoint", written)
    assert here(*SHORT, "--out=run")[0] == 0
    assert late == [True] * 3
    assert outcome(tmp_path / "run") == outcome(tmp_path / "whole")


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="only Linux shows the threads of a process")
def test_writing_takes_one_thread_only(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """With more threads than processors, OpenMP puts training threads to sleep between two matrix products."""
    training: set[int] = set()
    writing: list[int] = []

    def threads() -> int:
        return len(list(Path("/proc/self/task").iterdir()))

    def counted(trainer: Trainer, step: Callable[[Trainer], float] = Trainer.step) -> float:
        nats = step(trainer)
        training.add(threads())
        return nats

    def written(folder: Path, checkpoint: Checkpoint, *, dtype: Literal["bfloat16"]) -> None:
        write_checkpoint(folder, checkpoint, dtype=dtype)
        writing.append(threads())

    monkeypatch.setattr(Trainer, "step", counted)
    monkeypatch.setattr("training.run.snapshot.write_checkpoint", written)
    usual = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        assert here(*SHORT, "--set=hidden_size=96", "--steps=6", "--set=evaluations=2", "--out=run")[0] == 0
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(usual)
    assert writing[0] <= min(training) + 1  # while the second half of the steps is taken


# stopped by a signal


def test_a_run_stopped_by_every_signal_equals_an_uninterrupted_one(here: Here, tmp_path: Path) -> None:
    """Ctrl-C, SIGTERM and kill -9, one after the other, in one run of four processes; the last is this one."""
    write_text(tmp_path, paragraphs=True)
    stops = [(5, signal.SIGINT, 130, "Ctrl-C"), (11, signal.SIGTERM, 143, "SIGTERM")]
    resumed_at = 0
    for step, number, code, name in stops:
        arguments = ("--resume=run",) if resumed_at else (*SHORT, "--set=shuffle=true", "--out=run")
        run = train(*arguments, cwd=tmp_path, prepare=[signal_after_step(step, number)])
        assert run.end() == code
        assert (f"Resuming after step {resumed_at} of 24." in run.output) == bool(resumed_at)
        assert f"{name}: saving after this step" in run.output
        assert f"Stopped after step {step}. To continue:\n  python -m training --resume run" in run.output
        resumed_at = step
    killed = train("--resume=run", cwd=tmp_path, prepare=[signal_after_step(17, signal.SIGKILL)])
    assert killed.end() == -signal.SIGKILL
    assert here("--resume=run")[0] == 0
    assert here(*SHORT, "--set=shuffle=true", "--out=whole")[0] == 0
    assert outcome(tmp_path / "run") == outcome(tmp_path / "whole")


def test_a_killed_run_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    """A sample: SIGKILL at steps and while saving, once and again; tests/soak tries all of them."""
    draw = random.Random(2)
    kills = [f"step:{step}" for step in draw.sample(range(1, 61), 2)]
    kills += [f"sync:{number}" for number in draw.sample(range(1, 107), 2)]
    kills += ["step:3,step:2,sync:9"]
    assert kills_that_change_the_outcome(tmp_path, tmp_path / "text.txt", kills) == []


def test_a_run_stopped_before_its_first_evaluation_can_be_loaded(tmp_path: Path) -> None:
    with Training("text.txt", *SIZES, "--steps=1000000", "--set=evaluations=1", "--out=run", cwd=tmp_path) as run:
        run.until("^step 1 of")
        run.send(signal.SIGINT)
        assert run.end() == 130
    assert metrics(tmp_path / "run") == []
    assert CharLSTM.from_pretrained(tmp_path / "run").training["step"] == int(checkpoints(tmp_path / "run")[0].name[5:])


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_the_text_is_read_leaves_no_files(tmp_path: Path, number: int, code: int) -> None:
    (tmp_path / "text.txt").unlink()
    os.mkfifo(tmp_path / "endless")
    with Training("endless", "--out=a/run", cwd=tmp_path) as run:
        run.until("^Reading endless")
        run.send(number)
        assert run.end() == code
    assert run.lines[-1] == "stopped"
    assert [path.name for path in tmp_path.iterdir()] == ["endless"]


def test_a_signal_while_the_machine_is_measured_leaves_no_files(tmp_path: Path) -> None:
    write_text(tmp_path, 20_000)
    with Training("text.txt", "--minutes=9", "--preset=large", "--set=batch=512", cwd=tmp_path) as run:
        run.until("^Measuring this machine")
        run.send(signal.SIGINT)
        assert run.end() == 130
    assert [path.name for path in tmp_path.iterdir()] == ["text.txt"]


# resumed


def test_resuming_a_complete_run_says_so(here: Here, tmp_path: Path) -> None:
    here(*SHORT, "--out=run")
    before = outcome(tmp_path / "run")
    code, output = here("--resume=run")
    assert code == 0
    assert "This run is complete: 24 steps." in output
    assert outcome(tmp_path / "run") == before
    assert re.findall("Done in .*", here("--resume=run")[1]) == re.findall("Done in .*", output)  # nothing was trained


def test_a_resumed_run_finds_its_text_from_any_folder_and_decodes_it_as_before(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "latin.txt").write_bytes(words().encode() + "é".encode("latin-1"))
    assert here("text.txt", "more/*.txt", *SIZES, "--steps=4", "--errors=replace", "--out=run")[0] == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert here("--resume=../run")[0] == 0


def test_another_text_is_refused(here: Here, tmp_path: Path) -> None:
    here(*SHORT, "--out=run")
    before = outcome(tmp_path / "run")
    text = (tmp_path / "text.txt").read_text()
    (tmp_path / "other.txt").write_text(text.replace("cat", "cow"))
    code, output = here("--resume=run", "other.txt")
    assert code == 2
    assert (
        "error: the text is not the one that this run started with (1,514 characters then, 1,514 now, or changed"
        in output
    )
    (tmp_path / "moved.txt").write_text(text)
    assert here("moved.txt", "--resume=run")[0] == 0
    (tmp_path / "text.txt").write_text(text.replace("cat", "cow"))
    code, output = here("--resume=run")
    assert code == 0
    assert outcome(tmp_path / "run") == before


def test_a_changed_text_is_replaced_by_the_copy_in_the_run(here: Here, tmp_path: Path) -> None:
    """One rule: a resumed run trains on its copy, whatever became of the file that the text came from."""
    here(*SHORT, "--out=run")
    before = outcome(tmp_path / "run")
    (tmp_path / "text.txt").write_text(words(seed=6))
    assert here("--resume=run")[0] == 0
    assert outcome(tmp_path / "run") == before


def test_a_deleted_text_is_replaced_by_the_copy_in_the_run(here: Here, tmp_path: Path) -> None:
    here(*SHORT, "--out=run")
    before = outcome(tmp_path / "run")
    (tmp_path / "text.txt").unlink()
    (tmp_path / "other.txt").write_text(words(seed=6))
    assert here("--resume=run", "other.txt")[0] == 2  # and nothing is changed
    code, output = here("--resume=run")
    assert code == 0
    assert outcome(tmp_path / "run") == before
    flip(tmp_path / "run" / "text.ids")
    code, output = here("--resume=run")
    assert code == 2
    assert "error: there is no file or folder" in output
    write_text(tmp_path)
    assert here("--resume=run")[0] == 0
    (tmp_path / "text.txt").unlink()
    assert here("--resume=run")[0] == 0  # the copy is whole again


def test_a_damaged_newest_checkpoint_is_skipped(here: Here, tmp_path: Path) -> None:
    here(*SHORT, "--out=run")
    whole = outcome(tmp_path / "run")
    flip(tmp_path / "run/step-00000024/training_state/state.safetensors")
    code, output = here("--resume=run")
    assert code == 0
    assert "warning: step-00000024 is damaged (state.safetensors is not the file that manifest.json describes" in output
    assert "Resuming after step 16 of 24." in output
    assert (tmp_path / "run/damaged-step-00000024").is_dir()
    assert outcome(tmp_path / "run") == whole


def test_a_run_without_an_undamaged_checkpoint_is_refused(here: Here, tmp_path: Path) -> None:
    here(*SHORT, "--out=run")
    for folder in checkpoints(tmp_path / "run"):
        flip(folder / "model.safetensors")
    code, output = here("--resume=run")
    assert code == 2
    assert output.splitlines()[-1] == "error: no checkpoint in 'run' is whole: nothing can be resumed"


def test_a_training_state_of_another_version_is_refused(here: Here, tmp_path: Path) -> None:
    here(*SHORT, "--out=run")
    for folder in checkpoints(tmp_path / "run"):
        file = folder / "training_state/state.json"
        state = json.loads(file.read_text())
        state["recipe"]["unheard_of"] = 1
        file.write_text(json.dumps(state))
        manifest = folder / "training_state/manifest.json"
        hashes = json.loads(manifest.read_text())
        hashes["sha256"]["state.json"] = hashlib.sha256(file.read_bytes()).hexdigest()
        manifest.write_text(json.dumps(hashes))
    code, output = here("--resume=run")
    assert code == 2
    assert output.splitlines()[-1].startswith("error: this run was started with another version of the project")


def test_resuming_on_another_machine_gives_a_warning(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here(*SHORT, "--out=run")
    monkeypatch.setattr("training.cli.resume.versions", lambda _: {"torch": "99.0", "machine": "abacus"})
    code, output = here("--resume=run")
    assert code == 0
    assert re.search(r"warning: torch \S+ then, 99.0 now; machine .* now: .* may differ in their last digits", output)


# a disk that is full


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Callable[..., None]]:
    """A disk of 1 MB for the folder that can be filled and emptied; a process's own limit where none can be mounted."""
    folder.mkdir()
    mounted = (
        shutil.which("mount")
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1M", "tmpfs", str(folder)], capture_output=True, check=False
        ).returncode
    )

    def fill(full: bool, process: int, free: int = 0) -> None:
        if not mounted:
            _, most = resource.prlimit(process, resource.RLIMIT_FSIZE)
            resource.prlimit(process, resource.RLIMIT_FSIZE, (free or 200 if full else most, most))
        elif full:
            with contextlib.suppress(OSError), (folder / "ballast").open("wb", buffering=0) as file:
                while file.write(bytes(4096)):
                    continue
            os.truncate(folder / "ballast", (folder / "ballast").stat().st_size - free)
        else:
            (folder / "ballast").unlink()

    try:
        yield fill
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_costs_checkpoints_but_not_the_run(tmp_path: Path) -> None:
    arguments = ("text.txt", *SIZES, "--steps=600", "--set=evaluations=16", "--out=disk/run")
    with small_disk(tmp_path / "disk") as fill, Training(*arguments, cwd=tmp_path) as run:
        for _ in range(2):  # the first checkpoint is on disk when the second evaluation is over
            run.until(r"^step \d+: ")
        with frozen(run):
            fill(True, run.pid)
        run.until(r"^warning: step [\d,]+ could not be saved \((No space left on device|File too large)\); earlier")
        with frozen(run):
            kept = checkpoints(tmp_path / "disk/run")
            CharLSTM.from_pretrained(kept[-1])
        run.until("^warning: step [0-9,]+ could not be saved")
        with frozen(run):
            assert checkpoints(tmp_path / "disk/run") == kept
            fill(False, run.pid)
        assert run.end() == 0
        assert "Done in" in run.output
        assert len(metrics(tmp_path / "disk/run")) == 16
        assert checkpoints(tmp_path / "disk/run")[-1].name == "step-00000600"
        CharLSTM.from_pretrained(tmp_path / "disk/run")


def test_a_nearly_full_disk_gets_the_weights_without_training_state_at_the_end(tmp_path: Path) -> None:
    """They once were lost with the training state, which takes ten times the room."""
    sizes = ("--set=hidden_size=24,embedding_size=4,num_layers=2,batch=4,window=16",)
    arguments = ("text.txt", *sizes, "--steps=300", "--set=evaluations=3", "--out=disk/run")
    with small_disk(tmp_path / "disk") as fill, Training(*arguments, cwd=tmp_path) as run:
        for _ in range(2):
            run.until(r"^step \d+: ")
        with frozen(run):
            fill(True, run.pid, 64_000)
        assert run.end() == 1
        assert "warning: step 300 is saved without its training state" in run.output
        assert NO_ROOM in run.output
        assert CharLSTM.from_pretrained(tmp_path / "disk/run/latest").training["step"] == 300
        fill(False, os.getpid())
        again = train("--resume=disk/run", cwd=tmp_path)
        assert again.end() == 0
        assert "warning: step-00000300 has no training state: the checkpoint before it is resumed" in again.output
        assert checkpoints(tmp_path / "disk/run")[-1].name == "step-00000300"


@contextlib.contextmanager
def frozen(run: Training) -> Iterator[None]:
    """Stop the clock of the run."""
    run.send(signal.SIGSTOP)
    yield
    run.send(signal.SIGCONT)


def test_a_full_disk_at_the_end_is_an_error(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("training.run.snapshot.write_state", full)
    code, output = here(*SHORT, "--out=run")
    assert code == 1
    assert output.count("could not be saved (No space left on device)") == 3
    assert NO_ROOM.replace("use --resume", "start the run again in another folder") in output  # nothing to resume
    assert "warning: step 24 is saved without its training state (No space left on device)" in output
    assert "python -m training --resume" not in output
