"""Keeps what a run makes: checkpoints on disk, the best of them with its card, all of them handed to the Hub.

Neither a full disk nor a fault in a card nor the Hub ever stops a run: what was kept before stays, and it is said.
"""

from __future__ import annotations

import errno
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from model import CharLSTM
from model.checkpoint.pointer import BEST, LATEST
from model.hub.names import MAIN, TRAINING

from ..card import model_card
from ..card.overlap import Source
from ..hub.outbox import Entry
from ..hub.pusher import Pusher
from .console import warn
from .run_folder import RunFolder, read_metrics

Metrics = Sequence[Mapping[str, Any]]


class CheckpointManager:
    """One run's checkpoints.

    Args:
        folder: where they are.
        pusher: takes them to the Hub; None when nothing is pushed.
        kept_step: the step of the newest checkpoint there, when the run is resumed.
        about: what a card says instead of what stands in its checkpoint: where it is pushed now, and its licence.
        source: the text it learns from, in which a card looks up what the model writes; None for none.
    """

    def __init__(
        self,
        folder: RunFolder,
        pusher: Pusher | None = None,
        kept_step: int = -1,
        about: Mapping[str, Any] | None = None,
        source: Source | None = None,
    ) -> None:
        self._about = about or {}
        self._source = source
        self.folder = folder
        self.pusher = pusher
        self.kept_step = kept_step
        self._best_loss = _loss_of(folder.best())

    def waiting(self) -> list[Entry]:
        """What is not on the Hub yet."""
        return self.pusher.waiting() if self.pusher else []

    def get_ready(self) -> None:
        """Loads what the last card needs, aside: not while nothing else is left to do."""
        threading.Thread(target=model_card.get_ready, name="card", daemon=True).start()

    def catch_up(self, metrics: Metrics, *, complete: bool) -> None:
        """Does what the run had no time for when it died right after its newest checkpoint.

        The newest and the best go to the Hub once more; nothing is sent of what is there already.
        """
        best, steps = self.folder.best(), self.folder.steps()
        self._try("metrics.jsonl", lambda: self.folder.write_metrics(metrics))
        if steps:
            self._try("samples.jsonl", lambda: self.folder.show_samples(steps[-1]))
        if complete or self.pusher:
            self._write_card(metrics)
        if self.pusher and steps:
            self.pusher.push(steps[-1], TRAINING)
            if best is not None:
                self.pusher.push(best, MAIN)
        self.folder.prune(entry.folder for entry in self.waiting())

    def keep(
        self,
        step: int,
        write: Callable[[Path], None],
        metrics: Metrics,
        val_loss: float,
        *,
        last: bool,
        finish: Callable[[Path], None] | None = None,
    ) -> bool:
        """Adds a checkpoint, marks it if it is the best, and hands it on.

        Args:
            step: of the run.
            write: fills the folder that it is given.
            metrics: all lines so far.
            val_loss: of this checkpoint; infinite when it was not measured.
            last: whether the run is complete with it.
            finish: what is to be done to the best checkpoint then.

        Returns:
            whether it is on disk.
        """
        folder = self._saved(step, write)
        if folder is None:
            return False
        self.kept_step = step
        self._try("the file latest", lambda: self.folder.mark(LATEST, folder))
        best = self.folder.best() is None or val_loss <= self._best_loss
        if best:
            self._best_loss = val_loss
            self._try("the file best", lambda: self.folder.mark(BEST, folder))
        self._try("metrics.jsonl", lambda: self.folder.write_metrics(metrics))
        self._try("samples.jsonl", lambda: self.folder.show_samples(folder))
        if last and finish:
            self._finish(finish)
        if last or (best and self.pusher):
            self._write_card(metrics)
        if self.pusher:
            self.pusher.push(folder, TRAINING)
            if best or last:
                self.pusher.push(self.folder.best() or folder, MAIN)
        self.folder.prune(entry.folder for entry in self.waiting())
        return True

    def _saved(self, step: int, write: Callable[[Path], None]) -> Path | None:
        try:
            return self.folder.save(step, write)
        except OSError as error:
            reason = error
        # Old checkpoints that only wait for the Hub may be what fills the disk: a new one is worth more.
        if reason.errno in (errno.ENOSPC, errno.EDQUOT) and self.waiting() and self.folder.prune(()):
            try:
                return self.folder.save(step, write)
            except OSError as error:
                reason = error
        warn(f"no checkpoint of step {step:,} ({reason.strerror}); those before it are whole, and the run goes on")
        return None

    def _finish(self, finish: Callable[[Path], None]) -> None:
        best = self.folder.best()
        if best is None:
            return
        try:
            finish(best)
        except Exception as error:  # noqa: BLE001  what is added to a checkpoint may be lacking; the run may not
            warn(f"no cells are named in {best.name} ({type(error).__name__}: {error})")

    def _write_card(self, metrics: Metrics) -> None:
        best = self.folder.best()
        if best is None:
            return
        try:
            lm = CharLSTM.from_pretrained(best)
            lm.training = {**lm.training, **self._about}
            model_card.write_card(best, lm, metrics, source=self._source)
        except Exception as error:  # noqa: BLE001  a card tells of the run; no fault in it may end the run
            warn(f"no model card in {best.name} ({type(error).__name__}: {error})")

    def _try(self, what: str, write: Callable[[], None]) -> None:
        try:
            write()
        except OSError as error:
            warn(f"{what} could not be written ({error.strerror}); the run goes on")


def _loss_of(folder: Path | None) -> float:
    """The validation loss of a checkpoint; infinite when it was not measured."""
    if folder is None:
        return math.inf
    metrics = read_metrics(folder)
    measured = metrics and metrics[-1]["step"] == int(folder.name.removeprefix("step-"))
    return float(metrics[-1]["val_loss"]) if measured else math.inf
