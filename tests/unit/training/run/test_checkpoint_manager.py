"""The keeper: which checkpoint is the best, what goes to the Hub, and that no fault of a disk or a card ends a run."""

from __future__ import annotations

import errno
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from model.checkpoint.format import CheckpointError
from tests.support.tiny_models import tiny_model
from tests.support.tiny_runs import best_of
from training.card import model_card
from training.hub.outbox import Entry
from training.run.checkpoint_manager import CheckpointManager
from training.run.run_folder import RunFolder, metrics_bytes


class FakePusher:
    """Stands for the Hub's side: what was handed over, and what waits."""

    def __init__(self) -> None:
        self.pushed: list[tuple[str, str]] = []
        self.held: list[Entry] = []

    def push(self, folder: Path, branch: str) -> None:
        assert (folder / "model.safetensors").is_file()
        if branch == "main":
            assert (folder / "README.md").is_file(), "the best goes up with its card"
        self.pushed.append((folder.name, branch))

    def waiting(self) -> list[Entry]:
        return self.held


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[RunFolder]:
    folder = RunFolder(tmp_path / "run", resume=False)
    yield folder
    folder.close()


@pytest.fixture
def pusher() -> FakePusher:
    return FakePusher()


@pytest.fixture
def keep(folder: RunFolder, pusher: FakePusher) -> Callable[..., bool]:
    """Keeps a checkpoint of a step with a loss."""
    metrics: list[dict[str, Any]] = []
    one = CheckpointManager(folder, pusher)  # type: ignore[arg-type]

    def kept(step: int, loss: float, *, last: bool = False) -> bool:
        if math.isfinite(loss):
            metrics.append({"step": step, "chars": step, "val_loss": loss, "val_bpc": loss, "train_loss": loss})

        def write(beside: Path) -> None:
            tiny_model(hidden=3, layers=1).save_pretrained(beside)
            (beside / "metrics.jsonl").write_bytes(metrics_bytes(metrics))

        return one.keep(step, write, metrics, loss, last=last)

    return kept


def best(folder: RunFolder) -> str:
    found = folder.best()
    return found.name if found else ""


def test_the_lowest_loss_is_the_best(folder: RunFolder, keep: Callable[..., bool], pusher: FakePusher) -> None:
    for step, loss in ((1, 3.0), (2, 1.0), (3, 2.0), (4, 1.0)):
        assert keep(step, loss)
    assert best(folder) == "step-00000004"
    assert [name for name, branch in pusher.pushed if branch == "main"] == [f"step-0000000{step}" for step in (1, 2, 4)]
    assert [name for name, branch in pusher.pushed if branch == "training"] == [
        f"step-0000000{n}" for n in (1, 2, 3, 4)
    ]


def test_until_one_is_measured_the_first_is_the_best(folder: RunFolder, keep: Callable[..., bool]) -> None:
    """A run that was stopped before its first evaluation can be read from too."""
    keep(1, math.inf)
    assert best(folder) == "step-00000001"
    keep(2, 5.0)
    assert best(folder) == "step-00000002"


def test_the_last_step_pushes_the_best_again_with_the_whole_curve(
    folder: RunFolder, keep: Callable[..., bool], pusher: FakePusher
) -> None:
    keep(1, 1.0)
    assert not (best_of(folder.path) / "curve.png").exists()  # one point is no curve
    keep(2, 2.0, last=True)
    assert pusher.pushed[-1] == ("step-00000001", "main")
    assert (best_of(folder.path) / "curve.png").is_file()
    lines = (folder.path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2]


def test_a_resumed_run_knows_its_best(folder: RunFolder, keep: Callable[..., bool], pusher: FakePusher) -> None:
    keep(1, 1.0)
    keep(2, 2.0)
    pusher.pushed.clear()
    (folder.path / "metrics.jsonl").unlink()
    (best_of(folder.path) / "README.md").unlink()
    lines = [{"step": 1, "val_loss": 1.0}, {"step": 2, "val_loss": 2.0}]
    CheckpointManager(folder, pusher, kept_step=2).catch_up(lines, complete=False)  # type: ignore[arg-type]
    assert len((folder.path / "metrics.jsonl").read_text().splitlines()) == 2
    assert pusher.pushed == [("step-00000002", "training"), ("step-00000001", "main")]
    again = CheckpointManager(folder)
    again.keep(3, lambda beside: tiny_model(hidden=3).save_pretrained(beside), [], 1.5, last=False)
    assert best(folder) == "step-00000001"


def test_what_waits_for_the_hub_is_not_pruned(folder: RunFolder, keep: Callable[..., bool], pusher: FakePusher) -> None:
    pusher.held = [Entry(1, "step-00000002", "training", "")]
    for step in range(1, 7):
        keep(step, 1.0 + step)
    assert [path.name[-1] for path in folder.steps()] == ["1", "2", "5", "6"]


def test_a_full_disk_is_said_and_the_run_goes_on(
    folder: RunFolder, keep: Callable[..., bool], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(1, 3.0)
    save, full = folder.save, OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(folder, "save", lambda *arguments: (_ for _ in ()).throw(full))
    assert not keep(2, 1.0)
    assert "warning: no checkpoint of step 2 (No space left on device)" in capsys.readouterr().err
    monkeypatch.setattr(folder, "save", save)
    assert keep(3, 2.0)
    assert best(folder) == "step-00000003"  # of those that are there, though step 2 was better


def test_old_checkpoints_that_wait_give_way_to_a_new_one(
    folder: RunFolder, keep: Callable[..., bool], pusher: FakePusher, monkeypatch: pytest.MonkeyPatch
) -> None:
    for step in range(1, 5):
        pusher.held.append(Entry(step, f"step-0000000{step}", "training", ""))
        keep(step, 1.0)
    save, calls = folder.save, []

    def once_full(*arguments: Any) -> Path:
        calls.append(len(folder.steps()))
        if len(calls) == 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return save(*arguments)

    monkeypatch.setattr(folder, "save", once_full)
    assert keep(5, 1.0)
    assert calls == [4, 2]


def test_a_fault_in_a_card_is_said_and_the_run_goes_on(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **more: object) -> None:
        raise ZeroDivisionError("of a picture")

    monkeypatch.setattr(model_card, "write_card", broken)
    assert CheckpointManager(folder).keep(
        1, lambda beside: tiny_model(hidden=3).save_pretrained(beside), [], 1.0, last=True
    )
    assert "warning: no model card in step-00000001 (ZeroDivisionError: of a picture)" in capsys.readouterr().err


def test_weights_that_are_no_numbers_are_not_kept(folder: RunFolder) -> None:
    def write(beside: Path) -> None:
        lm = tiny_model(hidden=3)
        lm.network.output.bias[0] = math.nan
        lm.save_pretrained(beside)

    with pytest.raises(CheckpointError, match="NaN"):
        CheckpointManager(folder).keep(1, write, [], 1.0, last=False)
    assert folder.steps() == []
