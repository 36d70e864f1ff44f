"""The checkpoint manager: which checkpoint is the best, what is pushed, and that faults of disk or card end no run."""

import errno
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from tests.support.tiny_models import tiny_model
from tests.support.tiny_runs import be_quick
from training.run.checkpoint_manager import CheckpointManager
from training.run.run_folder import RunFolder
from training.run.snapshot import Evaluation, Snapshot


class FakePusher:
    """Records at each update the best checkpoint, and whether its card is new; `held` wait for the Hub."""

    def __init__(self, folder: RunFolder) -> None:
        self.updates: list[tuple[str, bool]] = []
        self.held: list[str] = []
        self._folder = folder

    def update(self, *, new_card: bool) -> None:
        self.updates.append((best(self._folder), new_card))
        assert (self._folder.path / best(self._folder) / "README.md").is_file() or not new_card

    def waiting(self) -> list[str]:
        return self.held


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunFolder]:
    be_quick(monkeypatch.setattr)
    folder = RunFolder(tmp_path / "run", resume=False)
    yield folder
    folder.discard()


def snapshot(step: int, losses: dict[int, float], *, complete: bool = False) -> Snapshot:
    """A run after a step, with these losses so far."""
    lines: list[Evaluation] = [
        {"step": at, "chars": at, "val_loss": loss, "val_bpc": loss, "train_loss": loss} for at, loss in losses.items()
    ]
    return Snapshot(
        checkpoint=tiny_model(hidden=3, layers=1).checkpoint(),
        metrics=lines,
        samples=(),
        state={
            "recipe": {},
            "corpus": {"name": "", "sha256": "", "characters": 0, "public": None},
            "about": {"repo": "", "license": ""},
            "seconds": 0.0,
        },
        tensors={"steps_done": torch.tensor(step)},
        complete=complete,
    )


def best(folder: RunFolder) -> str:
    found = folder.best()
    return found.name if found else ""


def steps(folder: RunFolder) -> str:
    """The steps of the checkpoints, below 10 each."""
    return "".join(path.name[-1] for path in folder.steps())


def test_the_lowest_loss_is_the_best_and_is_pushed_with_a_card(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Until one is evaluated it is the first; of equal losses it is the later one. A resumed run goes on with it."""
    pusher, losses = FakePusher(folder), {2: 3.0, 3: 1.0, 4: 2.0, 5: 1.0, 6: 1.5}
    manager = CheckpointManager(folder, pusher)  # type: ignore[arg-type]
    for step in range(1, 6):
        newest = snapshot(step, {at: loss for at, loss in losses.items() if at <= step})
        manager.save(newest)
    assert pusher.updates == [(f"step-0000000{at}", is_new) for at, is_new in ((1, 1), (2, 1), (3, 1), (3, 0), (5, 1))]
    (folder.path / "metrics.jsonl").unlink()
    (folder.path / "step-00000005/README.md").unlink()
    monkeypatch.setattr("training.run.checkpoint_manager.name_cells", lambda *_: 1 / 0)
    resumed = CheckpointManager(folder, pusher, held_out="text")  # type: ignore[arg-type]
    resumed.resume(newest, {"repo": "ada/plays"}, complete=False)
    assert pusher.updates[5:] == [("step-00000005", True)]
    assert json.loads((folder.path / "step-00000005/config.json").read_text())["training"]["repo"] == "ada/plays"
    resumed.save(snapshot(6, losses, complete=True))
    assert pusher.updates[6:] == [("step-00000005", True)]  # once more, with the whole curve
    assert "cells.json could not be written (ZeroDivisionError" in capsys.readouterr().err
    assert (folder.path / "step-00000005/curve.png").is_file()
    found = [json.loads(line)["step"] for line in (folder.path / "metrics.jsonl").read_text().splitlines()]
    assert found == [*losses]


def test_the_newest_the_best_and_what_waits_for_the_hub_are_not_pruned(folder: RunFolder) -> None:
    pusher = FakePusher(folder)
    pusher.held = ["step-00000003"]
    manager = CheckpointManager(folder, pusher)  # type: ignore[arg-type]
    for step in range(1, 8):
        manager.save(snapshot(step, {1: 9.0, step: float(step), 2: 1.0}))
    assert steps(folder) == "2367"


def test_a_full_disk_costs_old_checkpoints_then_a_new_one(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pusher, losses, room = FakePusher(folder), {1: 1.0}, 4
    manager = CheckpointManager(folder, pusher)  # type: ignore[arg-type]
    pusher.held = [f"step-0000000{step}" for step in range(1, 5)]
    for step in range(1, 5):
        manager.save(snapshot(step, losses | {step: float(step)}))
    plain = folder.save

    def save(step: int, write: Callable[[Path], object]) -> Path:
        if len(folder.steps()) >= room:
            raise OSError(errno.ENOSPC, "no room")
        return plain(step, write)

    monkeypatch.setattr(folder, "save", save)
    pusher.held = []
    manager.save(snapshot(5, losses | {5: 5.0}))
    assert (best(folder), steps(folder), manager.saved_step) == ("step-00000001", "145", 5)
    room = 0
    manager.save(snapshot(6, {6: 0.5}))
    assert "warning: step 6 could not be saved (no room); earlier checkpoints are intact" in capsys.readouterr().err
    assert (best(folder), manager.saved_step) == ("step-00000001", 5)
    room = 9
    manager.save(snapshot(7, losses | {6: 0.5, 7: 0.75}))
    assert best(folder) == "step-00000007"  # of those that are there, though step 6 was better
