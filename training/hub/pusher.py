"""Pushes the checkpoints of a run to the Hub in a thread, while training continues.

No error of the Hub or the network stops training, loses a checkpoint, or keeps the process from ending. `push` returns
at once; the thread sends one checkpoint after the other and retries until the process ends. Checkpoints that are not
pushed by then stay in the run's outbox (see `outbox`), for --resume or for `push_pending`.

Every request is made by a worker process, which is killed at its deadline. Nothing is ever force-pushed.
"""

from __future__ import annotations

import contextlib
import json
import math
import random
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from model.checkpoint.names import METRICS
from model.hub.names import MAIN, TRAINING, commit_title
from model.terminal import duration_text

from ..errors import HubError
from .jobs import PRIVATE, Commit, Destination, Failure, PushCheckpoint
from .outbox import Entry, Outbox, OutboxBusyError, Pushed
from .repos import read_destination, write_destination
from .timeouts import HubTimeouts
from .worker_process import WorkerProcess, with_reason

_REPORT_EVERY_S = 30.0  # between two lines, while the end of a run waits for pushes that fail
_REFUSED_PAUSE_S = 3600.0  # before a retry, when the user must do something first
Report = Callable[[str], None]


@dataclass(frozen=True)
class PushReport:
    """The pushes that the Hub has confirmed, and those still to be made, in order; `error` is the last failure."""

    pushed: tuple[Pushed, ...]
    waiting: tuple[Entry, ...]
    error: str | None = None


def checkpoint_title(step_folder: Path, branch: str = TRAINING) -> str:
    """Returns the commit title for a checkpoint folder, with the loss if it was evaluated."""
    step = int(re.sub(r"\D", "", step_folder.name) or 0)
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, IndexError):
        line = json.loads((step_folder / METRICS).read_text(encoding="utf-8").splitlines()[-1])
        if line["step"] == step:
            return commit_title(branch, step, line["val_loss"], line["val_bpc"])
    return commit_title(branch, step)


class Pusher:
    """Pushes checkpoint folders of one run to one repo, in the background.

    Args:
        destination: the repo.
        run_folder: its outbox may hold checkpoints of an earlier process, which are pushed, too.
        report: called with one line for each push or new error, from the thread that pushes.
        timeouts: the time limits; None for the default.

    Raises:
        HubError: another process pushes this run, or the outbox cannot be created.
    """

    def __init__(
        self,
        destination: Destination,
        run_folder: Path | str,
        *,
        report: Report,
        timeouts: HubTimeouts | None = None,
    ) -> None:
        self.destination, self._report, self._timeouts = destination, report, timeouts or HubTimeouts()
        try:
            self._outbox = Outbox(Path(run_folder))
        except OutboxBusyError as error:
            raise HubError(f"another process is pushing run {error}: wait until it ends") from error
        except OSError as error:
            raise HubError(f"the outbox of this run cannot be created: {error.strerror}") from error
        with contextlib.suppress(OSError):  # a full disk: only `push_pending` needs this file
            write_destination(self._outbox.run_folder, destination)
        self._pushed: list[Pushed] = []
        self._refused: set[Entry] = set()  # entries that this process does not retry
        self._needs_user = False  # whether the repo refuses every push until the user does something
        self._error: str | None = None
        self._failures = 0  # since the last success
        self._not_before = 0.0  # when the next push is due
        self._reported_at = -math.inf  # when a failed push was last reported
        self._close_at: float | None = None
        self._worker: WorkerProcess[Commit] | None = None
        self._changed = threading.Condition()
        for name in self._outbox.broken:
            self._report_line(f"Hub: the outbox entry {name} cannot be read and is ignored")
        self._thread = threading.Thread(target=self._work, name="pusher", daemon=True)
        self._thread.start()

    def push(self, step_folder: Path | str, branch: str = TRAINING, title: str | None = None) -> None:
        """Adds a checkpoint folder of this run to the outbox and returns at once.

        Keep the folder while `waiting` lists it. A full disk is reported and not raised.

        Args:
            step_folder: the checkpoint folder.
            branch: `TRAINING` gets all files that --resume needs, `MAIN` those that loading needs.
            title: the title of the commit; None makes one from the step and its loss.

        Raises:
            ValueError: the folder is not in the run folder.
        """
        folder = Path(step_folder).resolve()
        if folder.parent != self._outbox.run_folder:
            raise ValueError(f"{folder.name!r} is not a checkpoint folder of run {self._outbox.run_folder.name!r}")
        line, message = " ".join((title or checkpoint_title(folder, branch)).split())[:200], ""
        with self._changed:
            try:
                self._outbox.add(folder.name, branch, line)
            except OSError as error:
                reason = error.strerror
                message = (
                    f"Hub: the outbox cannot be written ({reason}): {folder.name} is not pushed after this process ends"
                )
            if self._needs_user:
                self._needs_user, self._not_before = False, 0.0  # each new checkpoint is tried once
            self._changed.notify_all()
        self._report_line(message)

    def waiting(self) -> list[Entry]:
        """Returns the entries still to be pushed, in the order of pushing."""
        with self._changed:
            return self._outbox.entries()

    def close(self, deadline_s: float = 60.0) -> PushReport:
        """Waits until every entry is pushed or refused, at most `deadline_s` seconds, and ends the thread.

        Other entries stay in the outbox. May be called twice.
        """
        with self._changed:
            self._close_at = time.monotonic() + deadline_s
            self._not_before = 0.0
            self._changed.notify_all()
        try:
            self._thread.join(deadline_s)
        finally:  # also if Ctrl-C ends the waiting
            with self._changed:
                self._close_at = 0.0
                self._changed.notify_all()
                if self._worker:
                    self._worker.kill()
            self._thread.join(5.0)
            self._outbox.close()
        return PushReport(tuple(self._pushed), tuple(self._outbox.entries()), self._error)

    # the thread

    def _work(self) -> None:
        while (entry := self._next_entry()) is not None:
            try:
                self._send(entry)
            except Exception as error:  # noqa: BLE001 - the thread must survive any bug: training continues
                failure = Failure(f"pushing {entry.folder} failed: {error}", retry=True, needs_user=False)
                with self._changed:
                    message = self._note_failure(entry, failure)
                self._report_line(message)

    def _next_entry(self) -> Entry | None:
        """Waits until an entry is due and returns it; None when the thread must end."""
        with self._changed:
            while True:
                now = time.monotonic()
                entry = next((each for each in self._outbox.entries() if each not in self._refused), None)
                if self._close_at is not None and (entry is None or now >= self._close_at):
                    return None
                if entry is not None and now >= self._not_before:
                    return entry
                until = self._not_before if entry is not None else now + 3600.0
                if self._close_at is not None and until >= self._close_at:
                    return None
                self._changed.wait(until - now)

    def _send(self, entry: Entry) -> None:
        with self._changed:
            folder = self._outbox.run_folder / entry.folder
            reason = ""
            if not folder.is_dir():
                reason = f"{entry.folder} was deleted and is not pushed to {entry.branch}"
            elif self._outbox.is_outdated(entry):
                reason = f"{entry.folder} is not pushed: {entry.branch} holds a newer checkpoint already"
            if reason:
                self._outbox.drop(entry)
            else:
                worker = self._worker = WorkerProcess(self._job(entry, folder), self._timeouts)
            limit_s = self._timeouts.attempt_s
            if self._close_at is not None:
                limit_s = max(0.1, min(limit_s, self._close_at - time.monotonic()))
        if reason:
            self._report_line(f"Hub: {reason}")
            return
        outcome = worker.run(limit_s)
        with self._changed:
            self._worker = None
            if isinstance(outcome, Failure):
                message = self._note_failure(entry, with_reason(outcome, self._error))
            else:
                message = self._note_success(entry, outcome.oid)
        self._report_line(message)

    def _job(self, entry: Entry, folder: Path) -> PushCheckpoint:
        return PushCheckpoint(
            repo=self.destination.repo,
            branch=entry.branch,
            folder=str(folder),
            title=entry.title,
            with_state=entry.branch != MAIN,
            keep_card=self.destination.keep_card,
            private_only=self.destination.sharing == PRIVATE,
        )

    def _note_success(self, entry: Entry, commit: str) -> str:
        self._failures, self._not_before, self._error = 0, 0.0, None
        self._pushed.append(self._outbox.done(entry, commit))
        left = len(self._outbox.entries())
        more = f", {left} more to push" if left else ""
        return f"Hub: pushed {entry.folder} to {self.destination.repo}@{entry.branch} ({commit[:8]}){more}"

    def _note_failure(self, entry: Entry, failure: Failure) -> str:
        """Sets the time of the retry; returns the line to report, "" if it was reported before."""
        self._failures += 1
        wait_s = min(self._timeouts.longest_retry_s, self._timeouts.first_retry_s * 2 ** min(self._failures - 1, 20))
        wait_s = max(wait_s * random.uniform(0.5, 1.0), min(failure.wait_s, _REFUSED_PAUSE_S))
        if not failure.retry and failure.needs_user:
            wait_s, self._needs_user = _REFUSED_PAUSE_S, True
        elif not failure.retry:
            self._refused.add(entry)
            wait_s = 0.0
        self._not_before = time.monotonic() + wait_s
        is_new, self._error = failure.message != self._error, failure.message
        left_s = self._close_at - time.monotonic() if self._close_at is not None else 0.0
        if failure.retry and left_s > wait_s:  # `close` waits for the retry
            if not is_new and time.monotonic() < self._reported_at + _REPORT_EVERY_S:
                return ""
            self._reported_at = time.monotonic()
            tries = f"trying again in {duration_text(wait_s)}, for at most {duration_text(left_s)}"
            return f"Hub: {self._error}; {entry.folder}: {tries}"
        return f"Hub: {self._error}; {entry.folder} is to be pushed to {entry.branch} later" if is_new else ""

    def _report_line(self, line: str) -> None:
        if line:
            with contextlib.suppress(Exception):  # a closed terminal must not end the thread
                self._report(line)


def push_pending(
    run_folder: Path | str,
    *,
    report: Report,
    destination: Destination | None = None,
    deadline_s: float = 3600.0,
    timeouts: HubTimeouts | None = None,
) -> PushReport:
    """Pushes the entries of a run's outbox, for at most `deadline_s` seconds.

    Raises:
        HubError: no destination is given, and the run has none.
    """
    to = destination or read_destination(run_folder)
    return Pusher(to, run_folder, report=report, timeouts=timeouts).close(deadline_s)
