"""Run folders: complete checkpoints only, one process at a time, and damaged checkpoints are reported."""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import torch

from model.files import json_lines
from tests.support.platforms import posix_only
from tests.support.tiny_models import tiny_model
from tests.support.tiny_runs import flip
from training.errors import RunError
from training.run.run_folder import RunFolder
from training.run.snapshot import write_state

LOSSES = {10: 3.0, 20: 1.0, 30: 2.0, 40: 1.0}


def state(step: int) -> dict[str, Any]:
    corpus = {"name": "text", "sha256": "", "characters": 1, "public": None}
    return {"recipe": {"steps": step}, "corpus": corpus, "about": {"repo": "", "license": "unknown"}, "seconds": 1.5}


def writer(step: int) -> Callable[[Path], None]:
    """Returns a function that writes the checkpoint of a step: a tiny model with the losses so far."""

    def write(folder: Path) -> None:
        tiny_model(hidden=3, layers=1, seed=step).save_pretrained(folder)
        lines = [{"step": at, "val_loss": loss} for at, loss in LOSSES.items() if at <= step]
        (folder / "metrics.jsonl").write_bytes(json_lines(lines))
        write_state(folder, state(step), {"steps_done": torch.tensor(step)})

    return write


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run of three checkpoints, of which the second is the best."""
    folder = RunFolder(tmp_path / "runs" / "one", resume=False)
    for step in (10, 20, 30):
        folder.mark("latest", folder.save(step, writer(step)))
    folder.mark("best", folder.steps()[1])
    return folder


def again(run: RunFolder) -> RunFolder:
    """Closes a run folder and opens it for resuming, as another process would."""
    run.discard()
    return RunFolder(run.path, resume=True)


def marks(run: RunFolder) -> tuple[str, str]:
    """The steps that `best` and `latest` name."""
    best, latest = ((run.path / name).read_text().removeprefix("step-000000") for name in ("best", "latest"))
    return best.strip(), latest.strip()


def test_a_failed_write_leaves_no_files_and_a_killed_process_leaves_none_for_long(run: RunFolder) -> None:
    def write(folder: Path) -> None:
        (folder / "config.json").write_text("half")
        raise OSError(28, "No space left on device")

    before = sorted(run.path.rglob("*"))
    for step in (30, 40):
        with pytest.raises(OSError, match="No space"):
            run.save(step, write)
    assert sorted(run.path.rglob("*")) == before
    (run.path / ".step-00000040.tmp").mkdir()
    for name in (".step-00000040.tmp/half", ".metrics.jsonl.123.tmp", "step-00000010/.README.md.123.tmp"):
        (run.path / name).write_text("")
    assert not list(again(run).path.rglob(".*"))


@posix_only
def test_each_file_is_synced_before_its_checkpoint_gets_its_name(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(Path(f"/proc/self/fd/{file}").readlink().name))
    run.save(40, writer(40))
    for name in (".config.json", ".model.safetensors", ".manifest.json", ".state.safetensors", ".state.json"):
        assert any(each.startswith(name) for each in synced), name
    assert synced.index("training_state") < synced.index(".step-00000040.tmp") < synced.index("one")


def test_a_run_without_a_checkpoint_is_removed_and_other_files_stay(run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter.txt").write_text("")
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "a/b", tmp_path / "empty/b", tmp_path / "mine"):
        folder = RunFolder(path, resume=False)
        (folder.path / "text.ids").write_text("")
        folder.discard()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "mine", "runs"]
    assert (tmp_path / "mine/letter.txt").exists()
    run.discard()
    assert len(run.steps()) == 3
    other = RunFolder(run.path.parent / "other", resume=False)
    shutil.copytree(run.path, other.path / "teachers/1")
    other.discard()
    assert (other.path / "teachers/1/step-00000030").is_dir()


def test_two_processes_share_a_folder_only_on_a_file_system_without_locks(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every OSError counted as a file system without locks, so two processes could train in one folder."""
    with pytest.raises(RunError, match="another process is training"):
        RunFolder(run.path, resume=True)
    for refusal in (OSError(errno.ENOLCK, "No locks available"), NotImplementedError("flock")):
        monkeypatch.setattr("filelock.FileLock.acquire", Mock(side_effect=refusal))
        RunFolder(run.path, resume=True).discard()
    monkeypatch.setattr("filelock.FileLock.acquire", Mock(side_effect=PermissionError(errno.EACCES, "Denied")))
    with pytest.raises(RunError, match="cannot be written"):
        RunFolder(run.path, resume=True)


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: flip(folder / "model.safetensors"),
        lambda folder: flip(folder / "training_state/state.safetensors"),
        lambda folder: shutil.rmtree(folder / "training_state"),
        lambda folder: write_state(folder, state(30), {}),
        lambda folder: write_state(folder, {"format_version": 99}, {"steps_done": torch.tensor(30)}),
        lambda folder: (folder / "metrics.jsonl").write_text('{"step": 1, "val_loss": "low"}'),
    ],
)
def test_a_damaged_newest_checkpoint_is_renamed_and_reported(run: RunFolder, damage: Callable[[Path], object]) -> None:
    damage(run.steps()[2])
    warnings: list[str] = []
    folder = again(run)
    assert folder.restore(warnings.append).step == 20
    assert [warning.partition("(")[0] for warning in warnings] == ["step-00000030 cannot be resumed "]
    assert [path.name for path in folder.steps()] == ["step-00000010", "step-00000020"]
    assert (folder.path / "damaged-step-00000030").is_dir()
    assert marks(folder) == ("20", "20")


def test_a_run_of_another_version_and_one_without_a_whole_checkpoint_are_not_changed(run: RunFolder) -> None:
    write_state(run.steps()[2], {**state(30), "recipe": None}, {"steps_done": torch.tensor(30)})
    with pytest.raises(RunError, match=r"started with another version of the project .*: start a new run"):
        run.restore(print)
    for folder in run.steps():
        flip(folder / "model.safetensors")
    with pytest.raises(RunError, match="is whole: nothing can be resumed"):
        run.restore(print)
    assert len(run.steps()) == 3


def test_the_best_is_found_again_when_its_mark_was_lost(run: RunFolder) -> None:
    """The process may die between a checkpoint and its mark, or the best may be damaged; of equals it is the later."""
    (run.path / "best").unlink()
    run.restore(print)
    assert marks(run) == ("20", "30")
    run.save(40, writer(40))
    run.restore(print)
    assert marks(run) == ("40", "40")
    (run.path / "step-00000020/model.safetensors").write_bytes(b"damaged")
    shutil.rmtree(run.path / "step-00000040")
    again(run).restore(print)
    assert marks(run) == ("30", "30")
