"""Saves the checkpoints of a run, marks the best and the latest, writes their model cards, queues them for the Hub.

A full disk, an error in a card or at the Hub never stops a run: earlier checkpoints stay, and a warning is printed.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from model import CharLSTM
from model.checkpoint.pointer import BEST, LATEST
from model.checkpoint.write import write_cells, write_training
from model.files import FULL_DISK

from ..card import model_card
from ..card.cell_names import add_passages, name_cells
from ..card.overlap import Source
from ..card.summary import Quotes
from ..hub.pusher import Pusher
from .console import warn
from .facts import About, Evaluation
from .run_folder import RunFolder, step_of
from .snapshot import RunSnapshot
from .state_files import read_metrics

NEWEST_KEPT = 2  # checkpoints, in addition to the best one and those that are still to be pushed


class CheckpointManager:
    """The checkpoints of one run.

    Args:
        folder: the run folder.
        pusher: pushes checkpoints to the Hub; None when the run is not pushed.
        saved_step: the step of the newest checkpoint in the folder, when the run is resumed.
        source: the training text, in which a card searches what the model generated; None for no search.
        held_out: held-out text on which the cells of the last best checkpoint are named; "" for none.
        quotes: what the published files may quote.

    Attributes:
        saved_step: the step of the newest checkpoint that can be resumed; -1 when there is none.
    """

    def __init__(
        self,
        folder: RunFolder,
        pusher: Pusher | None = None,
        *,
        saved_step: int = -1,
        source: Source | None = None,
        held_out: str = "",
        quotes: Quotes = "nothing",
    ) -> None:
        self.folder = folder
        self.pusher = pusher
        self.saved_step = saved_step
        self._source = source
        self._held_out, self._quotes = held_out, quotes
        self._best_loss = _loss_of(folder.best())

    def waiting(self) -> list[str]:
        """Returns the names of the checkpoint folders that are not on the Hub yet."""
        return self.pusher.waiting() if self.pusher else []

    def prepare_card(self) -> None:
        """Imports the libraries of a card, which takes a second or two, in a thread while training continues."""
        threading.Thread(target=model_card.import_libraries, name="card", daemon=True).start()

    def catch_up(self, metrics: Sequence[Evaluation], about: About, *, complete: bool) -> None:
        """Repeats what follows a checkpoint, for a run that was killed before it was done: log, card, push, pruning.

        The best checkpoint gets the repo, licence and Space of `about`, which may have changed since it was saved.

        The best checkpoint is pushed once more; files that the Hub has already are not sent again.
        """
        self._try("metrics.jsonl", lambda: self.folder.write_metrics(metrics))
        self._try("samples.jsonl", lambda: self.folder.write_samples(self.folder.samples()))
        best = self.folder.best()
        if best is not None:
            changed = {name: about.get(name, "") for name in ("repo", "license", "space")}
            self._try("config.json", lambda: write_training(best, changed))
        if complete or self.pusher:
            self._write_card(metrics)
        if self.pusher:
            self.pusher.update(new_card=True)
        self._prune()

    def save(self, snapshot: RunSnapshot, *, is_last: bool = False) -> bool:
        """Saves a checkpoint; marks it when it is the best; queues it for the Hub.

        Args:
            snapshot: the run after a step.
            is_last: whether this process saves no later checkpoint: on a full disk it then saves the weights alone.

        Returns:
            True when the checkpoint is on disk and can be resumed.

        Raises:
            CheckpointError: the weights are not finite.
        """
        self._try("samples.jsonl", lambda: self.folder.write_samples(snapshot.samples))
        folder, resumable = self._save(snapshot, is_last or snapshot.complete)
        if folder is None:
            return False
        if resumable:
            self.saved_step = snapshot.step
        self._try("the file latest", lambda: self.folder.mark(LATEST, folder))
        best = self.folder.best() is None or snapshot.val_loss <= self._best_loss
        if best:
            self._best_loss = snapshot.val_loss
            self._try("the file best", lambda: self.folder.mark(BEST, folder))
        self._try("metrics.jsonl", lambda: self.folder.write_metrics(snapshot.metrics))
        if snapshot.complete and self._held_out:
            self._name_cells()
        if snapshot.complete or (best and self.pusher):
            self._write_card(snapshot.metrics)
        if self.pusher:
            self.pusher.update(new_card=best or snapshot.complete)
        self._prune()
        return resumable

    def _save(self, snapshot: RunSnapshot, is_last: bool) -> tuple[Path | None, bool]:
        """Returns the checkpoint folder (None when nothing could be saved), and whether it can be resumed."""
        try:
            return self.folder.save(snapshot.step, snapshot.write), True
        except OSError as error:
            reason = error
        is_full = reason.errno in FULL_DISK
        # Old checkpoints that are only kept for the Hub may fill the disk; a new one matters more. When the last one is
        # saved, one earlier checkpoint and the best are enough.
        for newest in (NEWEST_KEPT, 1) if is_full and is_last else (NEWEST_KEPT,) if is_full else ():
            if self._make_room(newest):
                try:
                    return self.folder.save(snapshot.step, snapshot.write), True
                except OSError as error:
                    reason = error
        if is_full and is_last:
            try:
                folder = self.folder.save(snapshot.step, lambda to: snapshot.write(to, with_state=False))
            except OSError as error:
                reason = error
            else:
                warn(
                    f"step {snapshot.step:,} is saved without its training state ({reason.strerror}): the model is "
                    "complete, but the run cannot be resumed from this step"
                )
                return folder, False
        warn(
            f"step {snapshot.step:,} could not be saved ({reason.strerror}); earlier checkpoints are intact"
            + ("" if is_last else ", and the run continues")
        )
        return None, False

    def _make_room(self, newest: int) -> bool:
        """Removes checkpoints except the `newest` and the best; returns whether any was removed."""
        try:
            return self.folder.prune((), newest=newest) > 0
        except OSError:
            return False

    def _prune(self) -> None:
        try:
            self.folder.prune(self.waiting(), newest=NEWEST_KEPT)
        except OSError as error:  # of a network drive, for example
            warn(f"old checkpoints could not be removed ({error.strerror}); the run continues")

    def _name_cells(self) -> None:
        best = self.folder.best()
        if best is None:
            return
        try:
            lm = CharLSTM.from_pretrained(best)
            write_cells(best, add_passages(lm, name_cells(lm, self._held_out), self._quotes, self._held_out))
        except Exception as error:  # noqa: BLE001  a checkpoint is complete without cells.json
            warn(f"the cells of {best.name} have no names ({type(error).__name__}: {error})")

    def _write_card(self, metrics: Sequence[Evaluation]) -> None:
        best = self.folder.best()
        if best is None:
            return
        try:
            lm = CharLSTM.from_pretrained(best)  # from disk, as readers of the card load it: rounded to bfloat16
            model_card.write_card(best, lm, metrics, source=self._source)
        except Exception as error:  # noqa: BLE001  a checkpoint is complete without a card
            warn(f"{best.name} has no model card ({type(error).__name__}: {error})")

    def _try(self, what: str, write: Callable[[], None]) -> None:
        try:
            write()
        except OSError as error:
            warn(f"{what} could not be written ({error.strerror}); the run continues")


def _loss_of(folder: Path | None) -> float:
    """Returns the validation loss of a checkpoint; infinite when it was not evaluated."""
    if folder is None:
        return math.inf
    metrics = read_metrics(folder)
    evaluated = bool(metrics) and metrics[-1]["step"] == step_of(folder)
    return float(metrics[-1]["val_loss"]) if evaluated else math.inf
