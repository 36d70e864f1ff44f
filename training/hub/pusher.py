"""Pushes the checkpoints of a run to the Hub in one thread, while training continues.

The branch `training` gets the newest checkpoint, `main` the best one; if the Hub is slow, those in between are skipped.
destination.json in the run folder says what was pushed last, so a later process knows what is missing (`pending`).
No error of the Hub or the network stops training or keeps the process from ending: the thread is a daemon and starts
none that Python would wait for. Nothing is ever force-pushed.
"""

from __future__ import annotations

import contextlib
import json
import math
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from model.checkpoint.names import BEST, METRICS, STATE, checkpoints_of, pointed_checkpoint, step_of
from model.hub.limits import time_limits
from model.terminal import duration_text

from ..errors import HubError
from . import calls
from .calls import Report, hub_error, wait_s
from .checkpoints import MAIN, TRAINING, Destination, push_checkpoint, write_destination


def is_held_back(run_folder: Path, destination: Destination) -> bool:
    """Returns whether the repo holds a better model than the best one of a run, which must not replace it."""
    best = pointed_checkpoint(run_folder / BEST)
    loss = _evaluation(best).get("val_loss", math.inf) if best else -math.inf
    return destination.loss_to_beat is not None and loss > destination.loss_to_beat


def pending(run_folder: Path, destination: Destination) -> dict[str, Path]:
    """Returns the checkpoint folders that are not on the Hub yet, by their branch; `main` comes first.

    For `main` that is the best one unless it is held back, for `training` the newest one that can be resumed.
    """
    best = None if is_held_back(run_folder, destination) else pointed_checkpoint(run_folder / BEST)
    steps = [path for path in checkpoints_of(run_folder) if (path / STATE).is_dir()]
    found = {MAIN: best, TRAINING: steps[-1] if steps else None}
    return {branch: path for branch, path in found.items() if path and step_of(path) != destination.pushed.get(branch)}


def _evaluation(folder: Path) -> Mapping[str, Any]:
    """Returns `val_loss` and `val_bpc` of a checkpoint folder; {} if it was not evaluated."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, IndexError):
        line = json.loads((folder / METRICS).read_text(encoding="utf-8").splitlines()[-1])
        if line["step"] == step_of(folder):
            return {name: float(line[name]) for name in ("val_loss", "val_bpc")}
    return {}


def _title(branch: str, folder: Path) -> str:
    """Returns the title of the commit that pushes a checkpoint folder."""
    title = f"step {step_of(folder):,}"
    if found := _evaluation(folder):
        title += f": val loss {found['val_loss']:.4f} nats, {found['val_bpc']:.3f} bpc"
    return f"Best so far: {title}" if branch == MAIN else title.capitalize()


class Pusher:
    """Pushes the checkpoints of one run to one repo, in the background.

    Args:
        report: called with one line for each push or new error, from the thread that pushes.
    """

    def __init__(self, destination: Destination, run_folder: Path, *, report: Report) -> None:
        self.destination = destination  # the repo, and what was pushed last to its branches
        self._run_folder, self._report = run_folder, report
        self._wanted: dict[str, Path] = {}  # by branch; without the active one, and those that the Hub has refused
        self._active: tuple[str, Path] | None = None
        self._error = ""  # of the last push; "" if it succeeded
        self._failures = 0  # since the last success
        self._close_at = math.inf
        self._changed = threading.Condition()
        self._record()
        self._thread = threading.Thread(target=self._work, name="pusher", daemon=True)
        self._thread.start()

    def update(self, *, new_card: bool = False) -> None:
        """Finds out what is to be pushed now, and returns at once.

        Keep the folders in `waiting`. `new_card`: whether the card of the best checkpoint may have changed.
        """
        with self._changed:
            if new_card:
                self._record(**{MAIN: 0})
            for branch, folder in pending(self._run_folder, self.destination).items():
                if (branch, folder) != self._active or (new_card and branch == MAIN):
                    self._wanted[branch] = folder
            self._changed.notify_all()

    def waiting(self) -> list[str]:
        """Returns the names of the checkpoint folders that are still to be pushed, or are being pushed."""
        with self._changed:
            active = [self._active[1]] if self._active else []
            return sorted({folder.name for folder in [*pending(self._run_folder, self.destination).values(), *active]})

    def close(self, deadline_s: float = 60.0) -> list[str]:
        """Waits until every checkpoint is pushed or refused, at most `deadline_s` seconds; returns the others.

        If the Hub has not answered by then, the thread ends later, without a word. May be called twice.
        """
        with self._changed:
            self._close_at = time.monotonic() + deadline_s
            self._changed.notify_all()
        try:
            self._thread.join(deadline_s)
        finally:  # also if Ctrl-C ends the waiting
            with self._changed:
                if self._active and not self._error:
                    self._say(f"no answer yet; {self._active[1].name} is to be pushed later")
                self._close_at = -math.inf
                self._changed.notify_all()
        return self.waiting()

    # the thread

    def _work(self) -> None:
        while (push := self._next()) is not None:
            branch, folder = push
            try:
                title = _title(branch, folder)
                with time_limits(calls.TRY_S):
                    commit = push_checkpoint(self.destination, branch, folder, title)
            except Exception as error:  # noqa: BLE001 - the thread must survive any bug: training continues
                failure = hub_error(error, f"pushing to {self.destination.repo}")
                with self._changed:
                    self._note_failure(branch, folder, failure)
            else:
                with self._changed:
                    self._note_success(branch, folder, commit)

    def _next(self) -> tuple[str, Path] | None:
        """Waits for something to push and returns its branch and folder; None when the thread must end."""
        with self._changed:
            while not self._wanted and self._close_at == math.inf:
                self._changed.wait()
            if not self._wanted or time.monotonic() >= self._close_at:
                return None
            branch = MAIN if MAIN in self._wanted else TRAINING
            self._active = branch, self._wanted.pop(branch)
            return self._active

    def _note_success(self, branch: str, folder: Path, commit: str) -> None:
        self._active, self._failures, self._error = None, 0, ""
        if branch not in self._wanted:
            self._record(**{branch: step_of(folder)})
        more = f", {len(self._wanted)} more to push" if self._wanted else ""
        self._say(f"pushed {folder.name} to {self.destination.repo}@{branch} ({commit[:8]}){more}")

    def _note_failure(self, branch: str, folder: Path, failure: HubError) -> None:
        """Reports the error if it is new; waits for the retry, if one may help, or for `close`."""
        self._active, self._failures = None, self._failures + 1
        pause_s, left_s = wait_s(self._failures, failure.wait_s), self._close_at - time.monotonic()
        is_tried_again = failure.retry and pause_s < left_s
        if str(failure) != self._error:
            tries = f"trying again in {duration_text(pause_s)}, for at most {duration_text(left_s)}"
            is_waited_for = is_tried_again and left_s < math.inf  # by `close`
            self._say(f"{failure}; {tries if is_waited_for else 'it is to be pushed later'}")
        self._error = str(failure)
        if is_tried_again:
            self._wanted.setdefault(branch, folder)
            end = self._close_at
            self._changed.wait_for(lambda: self._close_at != end, pause_s)  # the Hub may have asked for this pause

    def _record(self, **pushed: int) -> None:
        self.destination = replace(self.destination, pushed={**self.destination.pushed, **pushed})
        with contextlib.suppress(OSError):  # a full disk: pushing once more what is on the Hub changes nothing
            write_destination(self._run_folder, self.destination)

    def _say(self, line: str) -> None:
        if self._close_at != -math.inf:
            self._report(f"Hub: {line}")


def push_pending(run: Path, destination: Destination, *, report: Report, deadline_s: float = 3600.0) -> list[str]:
    """Pushes what is `pending`, for at most `deadline_s` seconds; returns the checkpoints that are not pushed then."""
    pusher = Pusher(destination, run, report=report)
    pusher.update()
    return pusher.close(deadline_s)
