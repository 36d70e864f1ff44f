"""Saves the checkpoints of a run, marks the best and the latest, writes their model cards, queues them for the Hub.

A full disk, an error in a card or at the Hub never stops a run: earlier checkpoints stay, and a warning is printed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from model import CharLSTM
from model.checkpoint.names import BEST, LATEST, METRICS, SAMPLES, step_of
from model.checkpoint.record import Sample, TrainingRecord
from model.checkpoint.write import write_cells, write_training
from model.files import FULL_DISK, atomic_write, json_lines

from ..card import model_card
from ..card.cell_names import add_passages, name_cells
from ..card.overlap import Source
from ..card.summary import Quotes
from ..hub.pusher import Pusher
from .console import warn
from .run_folder import RunFolder
from .snapshot import Evaluation, Snapshot, loss_at

NEWEST_KEPT = 2  # checkpoints, in addition to the best one and those that are still to be pushed


@dataclass
class CheckpointManager:
    """The checkpoints of one run."""

    folder: RunFolder
    pusher: Pusher | None = None  # None when the run is not pushed
    source: Source | None = None  # the training text, in which a card searches what the model generated
    held_out: str = ""  # held-out text on which the cells of the last best checkpoint are named; "" for none
    quotes: Quotes = "nothing"  # what the published files may quote
    saved_step: int = field(default=-1, init=False)  # of the newest checkpoint that can be resumed; -1 without one
    _best_loss: float = field(default=math.inf, init=False)

    def waiting(self) -> list[str]:
        """Returns the names of the checkpoint folders that are not on the Hub yet."""
        return self.pusher.waiting() if self.pusher else []

    def resume(self, newest: Snapshot, about: TrainingRecord, *, complete: bool) -> None:
        """Continues a run at its newest checkpoint, and repeats what may be missing if the run was killed just then.

        The best and the newest checkpoint get the repo, licence, Space and sharing of `about`, which may have changed
        since they were saved. The best one is pushed once more; files that the Hub has already are not sent again.
        """
        self.saved_step, best = newest.step, self.folder.best()
        self._write_log(SAMPLES, newest.samples)
        self._write_log(METRICS, newest.metrics)
        if best is not None:
            self._best_loss = loss_at(step_of(best), newest.metrics)
            changed = {name: about.get(name, "") for name in ("repo", "license", "space", "sharing")}
            for checkpoint in {best, self.folder.steps()[-1]}:
                self._try("config.json", partial(write_training, checkpoint, changed))
        if complete or self.pusher:
            self._try("the model card", lambda: self._write_card(newest.metrics))
        if self.pusher:
            self.pusher.update(new_card=True)
        self.folder.prune(self.waiting(), newest=NEWEST_KEPT)

    def save(self, snapshot: Snapshot) -> None:
        """Saves a checkpoint; marks it when it is the best; queues it for the Hub. A full disk costs the checkpoint.

        Raises:
            CheckpointError: the weights are not finite.
        """
        self._write_log(SAMPLES, snapshot.samples)  # first: not every checkpoint has its own
        folder = self._save(snapshot)
        if folder is None:
            return
        self.saved_step = snapshot.step
        self._try("the file latest", lambda: self.folder.mark(LATEST, folder))
        is_best = self.folder.best() is None or snapshot.val_loss <= self._best_loss
        if is_best:
            self._best_loss = snapshot.val_loss
            self._try("the file best", lambda: self.folder.mark(BEST, folder))
        self._write_log(METRICS, snapshot.metrics)
        if snapshot.complete and self.held_out:
            self._try("cells.json", self._name_cells)
        if snapshot.complete or (is_best and self.pusher):
            self._try("the model card", lambda: self._write_card(snapshot.metrics))
        if self.pusher:
            self.pusher.update(new_card=is_best or snapshot.complete)
        self.folder.prune(self.waiting(), newest=NEWEST_KEPT)

    def _save(self, snapshot: Snapshot) -> Path | None:
        """Returns the checkpoint folder; None, with a warning, when the disk is full or not writable."""
        try:
            try:
                return self.folder.save(snapshot.step, snapshot.write)
            except OSError as error:
                if error.errno not in FULL_DISK:
                    raise
                self.folder.prune((), newest=1)  # of those that are only kept for the Hub; a new one matters more
                return self.folder.save(snapshot.step, snapshot.write)
        except OSError as error:
            warn(f"step {snapshot.step:,} could not be saved ({error.strerror}); earlier checkpoints are intact")
            return None

    def _write_log(self, name: str, records: Sequence[Evaluation] | Sequence[Sample]) -> None:
        self._try(name, lambda: atomic_write(self.folder.path / name, json_lines(records)))

    def _name_cells(self) -> None:
        if best := self.folder.best():
            lm = CharLSTM.from_pretrained(best)
            write_cells(best, add_passages(lm, name_cells(lm, self.held_out), self.quotes, self.held_out))

    def _write_card(self, metrics: Sequence[Evaluation]) -> None:
        if best := self.folder.best():
            lm = CharLSTM.from_pretrained(best)  # from disk, as readers of the card load it: rounded to bfloat16
            model_card.write_card(best, lm, metrics, source=self.source)

    def _try(self, what: str, write: Callable[[], object]) -> None:
        """Writes what a checkpoint is complete without; prints a warning if that fails."""
        try:
            write()
        except Exception as error:  # noqa: BLE001
            reason = (error.strerror if isinstance(error, OSError) else "") or f"{type(error).__name__}: {error}"
            warn(f"{what} could not be written ({reason}); the run continues")
