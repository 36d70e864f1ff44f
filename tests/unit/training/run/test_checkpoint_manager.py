"""The checkpoint manager: which checkpoint is the best, what is pushed, and that faults of disk or card end no run."""

from __future__ import annotations

import errno
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from model import CharLSTM
from tests.support.tiny_models import tiny_model
from training.run.checkpoint_manager import CheckpointManager
from training.run.facts import Evaluation
from training.run.run_folder import RunFolder
from training.run.snapshot import Snapshot


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
def folder(tmp_path: Path) -> Iterator[RunFolder]:
    folder = RunFolder(tmp_path / "run", resume=False)
    yield folder
    folder.close()


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


@pytest.fixture
def save(folder: RunFolder) -> Callable[..., bool]:
    """Saves a checkpoint of a step with a loss; inf for none."""
    losses: dict[int, float] = {}
    manager = CheckpointManager(folder)

    def saved(step: int, loss: float, **more: bool) -> bool:
        if math.isfinite(loss):
            losses[step] = loss
        return manager.save(snapshot(step, losses), **more)

    return saved


def best(folder: RunFolder) -> str:
    found = folder.best()
    return found.name if found else ""


def steps(folder: RunFolder) -> str:
    """The steps of the checkpoints, below 10 each."""
    return "".join(path.name[-1] for path in folder.steps())


def test_the_lowest_loss_is_the_best_and_is_pushed_with_a_card(folder: RunFolder) -> None:
    """Until one is evaluated it is the first; of equal losses it is the later one. A resumed run goes on with it."""
    pusher, losses = FakePusher(folder), {2: 3.0, 3: 1.0, 4: 2.0, 5: 1.0, 6: 1.5}
    manager = CheckpointManager(folder, pusher)  # type: ignore[arg-type]
    for step in range(1, 6):
        newest = snapshot(step, {at: loss for at, loss in losses.items() if at <= step})
        assert manager.save(newest)
    assert pusher.updates == [(f"step-0000000{at}", is_new) for at, is_new in ((1, 1), (2, 1), (3, 1), (3, 0), (5, 1))]
    (folder.path / "metrics.jsonl").unlink()
    (folder.path / "step-00000005/README.md").unlink()
    resumed = CheckpointManager(folder, pusher)  # type: ignore[arg-type]
    resumed.resume(newest, {"repo": "ada/plays"}, complete=False)
    assert pusher.updates[5:] == [("step-00000005", True)]
    assert json.loads((folder.path / "step-00000005/config.json").read_text())["training"]["repo"] == "ada/plays"
    assert resumed.save(snapshot(6, losses, complete=True))
    assert pusher.updates[6:] == [("step-00000005", True)]  # once more, with the whole curve
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


@pytest.mark.parametrize(("is_last", "room"), [(False, 4), (True, 3)])
def test_a_full_disk_gets_room_from_old_checkpoints(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch, is_last: bool, room: int
) -> None:
    pusher = FakePusher(folder)
    manager = CheckpointManager(folder, pusher)  # type: ignore[arg-type]
    pusher.held = [f"step-0000000{step}" for step in range(1, 5)]
    for step in range(1, 5):
        assert manager.save(snapshot(step, {1: 1.0, step: float(step)}))
    monkeypatch.setattr(folder, "save", full_if(lambda: len(folder.steps()) >= room, folder.save))
    pusher.held = []
    assert manager.save(snapshot(5, {1: 1.0, 5: 5.0}), is_last=is_last)
    assert (best(folder), steps(folder)) == ("step-00000001", "145")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_on_a_full_disk_the_last_checkpoint_is_the_weights_alone(
    folder: RunFolder,
    save: Callable[..., bool],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    code: int,
) -> None:
    """They are used like any other, and the run resumes from the checkpoint before, which then saves the step again."""
    save(1, 3.0)
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr("training.run.snapshot.write_state", full_if(lambda: True, None, code))
        assert not save(2, 2.0)
        assert steps(folder) == "1"
        assert not save(3, 1.0, is_last=True)
    assert "warning: step 3 is saved without its training state (no room)" in capsys.readouterr().err
    assert best(folder) == "step-00000003"
    CharLSTM.from_pretrained(folder.path)
    assert folder.restore(lambda line: None).step == 1
    assert (best(folder), steps(folder)) == ("step-00000001", "13")
    assert save(3, 1.0)
    assert folder.restore(lambda line: None).step == 3


def full_if(is_full: Callable[[], bool], write: Any, code: int = errno.ENOSPC) -> Callable[..., Any]:
    def wrapped(*arguments: Any) -> Any:
        if is_full():
            raise OSError(code, "no room")
        return write(*arguments)

    return wrapped


def test_a_disk_that_is_full_for_a_while_costs_one_checkpoint(
    folder: RunFolder, save: Callable[..., bool], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save(1, 3.0)
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(folder, "save", full_if(lambda: True, folder.save))
        assert not save(2, 1.0)
    warning = "warning: step 2 could not be saved (no room); earlier checkpoints are intact, and the run continues"
    assert warning in capsys.readouterr().err
    assert save(3, 2.0)
    assert best(folder) == "step-00000003"  # of those that are there, though step 2 was better
