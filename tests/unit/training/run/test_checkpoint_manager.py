"""The checkpoint manager: which checkpoint is the best, what is pushed, and that faults of disk or card end no run."""

from __future__ import annotations

import errno
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from model import CharLSTM
from model.checkpoint.format import CheckpointError
from tests.support.tiny_models import tiny_model
from tests.support.tiny_runs import best_of
from training.card import model_card
from training.hub.destination import Destination
from training.hub.pusher import pending
from training.run.checkpoint_manager import CheckpointManager
from training.run.facts import CorpusRecord, Evaluation
from training.run.run_folder import RunFolder, step_of
from training.run.snapshot import RunSnapshot


class FakePusher:
    """Records what a pusher would push, and the checkpoints that wait."""

    def __init__(self, run: Path) -> None:
        self.run, self.on_hub = run, Destination("ada/plays", "ada", False, False, "")
        self.pushed: list[tuple[str, str]] = []
        self.held: list[str] = []

    def update(self, *, new_card: bool) -> None:
        done = dict(self.on_hub.pushed)
        if new_card:
            done.pop("main", None)
        for branch, folder in pending(self.run, replace(self.on_hub, pushed=done)).items():
            assert (folder / "model.safetensors").is_file()
            if branch == "main":
                assert (folder / "README.md").is_file(), "the best goes up with its card"
            self.pushed.append((folder.name, branch))
            done[branch] = step_of(folder)
        self.on_hub = replace(self.on_hub, pushed=done)

    def waiting(self) -> list[str]:
        return self.held


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[RunFolder]:
    folder = RunFolder(tmp_path / "run", resume=False)
    yield folder
    folder.close()


@pytest.fixture
def pusher(folder: RunFolder) -> FakePusher:
    return FakePusher(folder.path)


def snapshot(step: int, loss: float, metrics: list[Evaluation], *, complete: bool = False) -> RunSnapshot:
    corpus: CorpusRecord = {"name": "", "sha256": "", "characters": 0, "public": None}
    return RunSnapshot(
        step=step,
        val_loss=loss,
        complete=complete,
        checkpoint=tiny_model(hidden=3, layers=1).checkpoint(),
        metrics=tuple(metrics),
        samples=(),
        state={"recipe": {}, "corpus": corpus, "about": {"repo": "", "license": ""}, "seconds": 0.0},
        tensors={},
    )


@pytest.fixture
def save(folder: RunFolder, pusher: FakePusher) -> Callable[..., bool]:
    """Save a checkpoint of a step with a loss."""
    metrics: list[Evaluation] = []
    manager = CheckpointManager(folder, pusher)  # type: ignore[arg-type]

    def saved(step: int, loss: float, *, complete: bool = False) -> bool:
        if math.isfinite(loss):
            metrics.append({"step": step, "chars": step, "val_loss": loss, "val_bpc": loss, "train_loss": loss})
        return manager.save(snapshot(step, loss, metrics, complete=complete))

    return saved


def best(folder: RunFolder) -> str:
    found = folder.best()
    return found.name if found else ""


def test_the_lowest_loss_is_the_best(folder: RunFolder, save: Callable[..., bool], pusher: FakePusher) -> None:
    for step, loss in ((1, 3.0), (2, 1.0), (3, 2.0), (4, 1.0)):
        assert save(step, loss)
    assert best(folder) == "step-00000004"
    assert [name for name, branch in pusher.pushed if branch == "main"] == [f"step-0000000{step}" for step in (1, 2, 4)]
    assert [name for name, branch in pusher.pushed if branch == "training"] == [
        f"step-0000000{n}" for n in (1, 2, 3, 4)
    ]


def test_until_one_is_measured_the_first_is_the_best(folder: RunFolder, save: Callable[..., bool]) -> None:
    """A run that was stopped before its first evaluation can be read from too."""
    save(1, math.inf)
    assert best(folder) == "step-00000001"
    save(2, 5.0)
    assert best(folder) == "step-00000002"


def test_the_last_step_pushes_the_best_again_with_the_whole_curve(
    folder: RunFolder, save: Callable[..., bool], pusher: FakePusher
) -> None:
    save(1, 1.0)
    assert not (best_of(folder.path) / "curve.png").exists()  # one point is no curve
    save(2, 2.0, complete=True)
    assert pusher.pushed[-2:] == [("step-00000001", "main"), ("step-00000002", "training")]
    assert (best_of(folder.path) / "curve.png").is_file()
    lines = (folder.path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2]


def test_a_resumed_run_keeps_its_best_loss(folder: RunFolder, save: Callable[..., bool], pusher: FakePusher) -> None:
    save(1, 1.0)
    save(2, 2.0)
    pusher.pushed.clear()
    (folder.path / "metrics.jsonl").unlink()
    (best_of(folder.path) / "README.md").unlink()
    lines = [{"step": 1, "val_loss": 1.0}, {"step": 2, "val_loss": 2.0}]
    CheckpointManager(folder, pusher, saved_step=2).catch_up(lines, {}, complete=False)  # type: ignore[arg-type]
    assert len((folder.path / "metrics.jsonl").read_text().splitlines()) == 2
    assert pusher.pushed == [("step-00000001", "main")], "with the new card"
    again = CheckpointManager(folder)
    again.save(snapshot(3, 1.5, []))
    assert best(folder) == "step-00000001"


def test_what_waits_for_the_hub_is_not_pruned(folder: RunFolder, save: Callable[..., bool], pusher: FakePusher) -> None:
    pusher.held = ["step-00000002"]
    for step in range(1, 7):
        save(step, 1.0 + step)
    assert [path.name[-1] for path in folder.steps()] == ["1", "2", "5", "6"]


def test_a_full_disk_is_reported_and_the_run_continues(
    folder: RunFolder, save: Callable[..., bool], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save(1, 3.0)
    with monkeypatch.context() as meanwhile:
        full = OSError(errno.ENOSPC, "No space left on device")
        meanwhile.setattr(folder, "save", lambda *arguments: (_ for _ in ()).throw(full))
        assert not save(2, 1.0)
    assert "warning: step 2 could not be saved (No space left on device)" in capsys.readouterr().err
    assert save(3, 2.0)
    assert best(folder) == "step-00000003"  # of those that are there, though step 2 was better


def test_old_checkpoints_that_cannot_be_removed_end_no_run(
    folder: RunFolder, save: Callable[..., bool], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stale(*_: object, **__: object) -> int:
        raise OSError(errno.ESTALE, "Stale file handle")

    monkeypatch.setattr(folder, "prune", stale)
    assert save(1, 3.0)
    assert "warning: old checkpoints could not be removed (Stale file handle); the run continues" in (
        capsys.readouterr().err
    )


def test_on_a_full_disk_the_last_checkpoint_takes_the_place_of_an_older_one(
    folder: RunFolder, save: Callable[..., bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    for step, loss in ((1, 1.0), (2, 3.0), (3, 2.0)):
        assert save(step, loss)
    write = folder.save

    def two_fit(*arguments: Any) -> Path:
        if len(folder.steps()) > 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(*arguments)

    monkeypatch.setattr(folder, "save", two_fit)
    assert save(4, 2.5, complete=True)
    assert best(folder) == "step-00000001"
    assert folder.steps()[-1].name == "step-00000004"


def test_on_a_full_disk_waiting_old_checkpoints_are_deleted_for_a_new_one(
    folder: RunFolder, save: Callable[..., bool], pusher: FakePusher, monkeypatch: pytest.MonkeyPatch
) -> None:
    for step in range(1, 5):
        pusher.held.append(f"step-0000000{step}")
        save(step, 1.0)
    write, calls = folder.save, []

    def once_full(*arguments: Any) -> Path:
        calls.append(len(folder.steps()))
        if len(calls) == 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(*arguments)

    monkeypatch.setattr(folder, "save", once_full)
    assert save(5, 1.0)
    assert calls == [4, 2]


def test_an_error_in_a_card_is_reported_and_the_run_continues(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **more: object) -> None:
        raise ZeroDivisionError("of a picture")

    monkeypatch.setattr(model_card, "write_card", broken)
    assert CheckpointManager(folder).save(snapshot(1, 1.0, [], complete=True))
    assert "warning: step-00000001 has no model card (ZeroDivisionError: of a picture)" in capsys.readouterr().err


def test_weights_that_are_no_numbers_are_not_saved(folder: RunFolder) -> None:
    one = snapshot(1, 1.0, [])
    one.checkpoint.weights["output.bias"][0] = math.nan
    with pytest.raises(CheckpointError, match="NaN"):
        CheckpointManager(folder).save(one)
    assert folder.steps() == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_on_a_full_disk_the_last_checkpoint_is_the_weights_alone(
    folder: RunFolder,
    pusher: FakePusher,
    save: Callable[..., bool],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    code: int,
) -> None:
    """A full disk once cost all steps since the checkpoint before, although the weights alone would have fitted."""

    def full(*_: object) -> None:
        raise OSError(code, "no room")

    save(1, 3.0)
    pusher.pushed.clear()
    monkeypatch.setattr("training.run.snapshot.write_state", full)
    assert not save(2, 2.0)
    assert [path.name for path in folder.steps()] == ["step-00000001"]
    assert "step 2 could not be saved (no room); earlier checkpoints are intact, and the run continues" in (
        capsys.readouterr().err
    )
    assert not save(3, 1.0, complete=True)
    assert "warning: step 3 is saved without its training state (no room)" in capsys.readouterr().err
    assert best(folder) == "step-00000003"
    CharLSTM.from_pretrained(folder.path)
    assert pusher.pushed == [("step-00000003", "main")], "the Hub keeps the last state that can be resumed"
    monkeypatch.undo()
    folder.restore(lambda line: None)
    assert best(folder) == "step-00000001"
