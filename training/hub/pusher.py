"""Pushing checkpoints: never stops training, never loses one, never keeps the process from ending.

`preflight` makes sure of everything before the first training step: the repo's name, a token, the right to write, the
repo itself and its branch. `Pusher` then takes checkpoint folders and returns at once; a thread sends them one after
the other, the newest first, and tries again for as long as the run lives. What is not on the Hub yet lies in the run's
outbox (see `outbox`) and goes up on resume or by `push_pending`.

Every request is made by a child process (see `hub_child`) that is killed at its deadline, so this module waits for
no server. It knows neither tokens nor HTTP. Nothing is ever force-pushed: a commit names its parent.
"""

from __future__ import annotations

import contextlib
import json
import random
import re
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from model.checkpoint.names import METRICS
from model.files import atomic_write, json_bytes
from model.hub.names import MAIN, TRAINING, commit_title

from .child_process import ChildJob, Patience
from .outbox import Entry, Outbox, OutboxBusyError, Pushed

__all__ = [
    "MAIN",
    "TRAINING",
    "Destination",
    "Entry",
    "HubError",
    "Patience",
    "PushReport",
    "Pushed",
    "Pusher",
    "check_repo_name",
    "insist",
    "preflight",
    "pull",
    "push_pending",
    "read_destination",
    "title_of",
]
_NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"
_PERMANENT_PAUSE_S = 3600.0
Report = Callable[[str], None]


class HubError(Exception):
    """One line: what happened, with which value, what to do next. `retry` is true when waiting may help."""

    def __init__(self, message: str, *, retry: bool = False) -> None:
        super().__init__(message)
        self.retry = retry


@dataclass(frozen=True)
class Destination:
    """Where a run is pushed: `repo` is USER/NAME, `private` how it is, `created` whether it was made just now."""

    repo: str
    user: str
    private: bool
    created: bool
    url: str


@dataclass(frozen=True)
class PushReport:
    """What went up and what still waits (in the order in which it will be tried); `error` is the last failure."""

    pushed: tuple[Pushed, ...]
    waiting: tuple[Entry, ...]
    error: str | None = None


def to_stderr(line: str) -> None:
    """The report that is used when none is given."""
    print(line, file=sys.stderr, flush=True)


# before the first step


def check_repo_name(repo: str) -> str:
    """`repo` if it is NAME or USER/NAME as the Hub allows it; else HubError, without any request."""
    if re.search(r"hf_[A-Za-z0-9]{30}", repo):
        raise HubError("what was given as a repo looks like a token: give NAME or USER/NAME, and revoke the token")
    if re.fullmatch(rf"(?:{_NAME}/)?{_NAME}", repo) and not re.search(r"--|\.\.|\.git$", repo):
        return repo
    rule = "letters, digits, '-', '_' and '.' (no '--', no '..', not ending in '.git', at most 96 characters each)"
    raise HubError(f"{repo!r} is not the name of a repo: give NAME or USER/NAME, made of {rule}")


def preflight(
    repo: str, *, private: bool = False, license: str = "unknown", patience: Patience | None = None
) -> Destination:
    """Makes sure, before any work is done, that a run can be pushed to `repo`; makes repo and branch if need be.

    A name without a user gets the token's user; `license` is what the card will name. Raises HubError, after
    `patience.preflight_s` at the latest; its `retry` tells a Hub that is away (a resumed run may go on with
    `read_destination`) from a refusal.
    """
    patience = patience or Patience()
    job = {"verb": "prepare", "repo": check_repo_name(repo), "private": private, "license": license, "branch": TRAINING}
    outcome = insist(job, patience, patience.preflight_s)
    return Destination(*(outcome[name] for name in ("repo", "user", "private", "created", "url")))


def pull(repo: str, folder: Path, *, patience: Patience | None = None) -> str:
    """Brings the newest checkpoint of a pushed run into `folder`/training and the best into `folder`/main.

    Nothing of it is checked yet. Returns the commit; raises HubError, after `patience.attempt_s` at the latest.
    """
    patience = patience or Patience()
    job = {"verb": "pull", "repo": check_repo_name(repo), "branch": TRAINING, "folder": str(folder)}
    return str(insist(job, patience, patience.attempt_s)["commit"])


def insist(job: dict[str, Any], patience: Patience, limit_s: float) -> dict[str, Any]:
    """The outcome of a job, tried again while waiting may help. HubError when it is refused, or the time is over."""
    deadline, wait_s = time.monotonic() + limit_s, patience.first_wait_s
    outcome: dict[str, Any] = {}
    while True:
        outcome = _better(ChildJob(job, patience).run(max(0.1, deadline - time.monotonic())), outcome.get("message"))
        if outcome["ok"]:
            return outcome
        wait_s = max(wait_s, outcome["wait_s"])
        if not outcome["retry"] or time.monotonic() + wait_s >= deadline:
            raise HubError(outcome["message"], retry=outcome["retry"])
        time.sleep(wait_s * random.uniform(0.5, 1.0))
        wait_s = min(2 * wait_s, patience.longest_wait_s)


def _better(outcome: dict[str, Any], earlier: str | None) -> dict[str, Any]:
    """The outcome; when the deadline cut it short, with the reason of the try before, which says more."""
    return {**outcome, "message": earlier} if outcome.get("cut_short") and earlier else outcome


def read_destination(run_folder: Path | str) -> Destination:
    """Where this run was pushed so far; HubError when it never was."""
    path = Path(run_folder) / "outbox" / "destination.json"
    try:
        return Destination(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        name = Path(run_folder).name
        raise HubError(f"run {name!r} has no destination on the Hub: resume it with --push-to USER/NAME") from None
    except (ValueError, TypeError, OSError) as error:
        raise HubError(f"outbox/destination.json cannot be read ({error}): resume with --push-to USER/NAME") from error


def title_of(step_folder: Path, branch: str = TRAINING) -> str:
    """Returns the title of the commit that pushes a checkpoint folder, with the loss if it was evaluated."""
    step = int(re.sub(r"\D", "", step_folder.name) or 0)
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, IndexError):
        line = json.loads((step_folder / METRICS).read_text(encoding="utf-8").splitlines()[-1])
        if line["step"] == step:
            return commit_title(branch, step, line["val_loss"], line["val_bpc"])
    return commit_title(branch, step)


# while training goes on


class Pusher:
    """Sends checkpoint folders of one run to one destination, in the background.

    `report` is called from the pushing thread with one line each time something changes. What an earlier life of the
    run left in the outbox is sent as well; `destination` is where to. Raises HubError when another process pushes this
    run.
    """

    def __init__(
        self,
        destination: Destination,
        run_folder: Path | str,
        *,
        report: Report = to_stderr,
        patience: Patience | None = None,
    ) -> None:
        self.destination, self._report, self._patience = destination, report, patience or Patience()
        try:
            self._outbox = Outbox(Path(run_folder))
        except OutboxBusyError as error:
            raise HubError(f"another process is pushing run {error}: wait until it ends") from error
        except OSError as error:
            raise HubError(f"the outbox of this run cannot be made: {error.strerror}") from error
        with contextlib.suppress(OSError):  # a full disk: only `push_pending` would miss it
            atomic_write(self._outbox.run_folder / "outbox" / "destination.json", json_bytes(asdict(destination)))
        self._pushed: list[Pushed] = []
        self._held: set[Entry] = set()
        self._error: str | None = None
        self._fails = 0
        self._refused = False
        self._not_before = 0.0
        self._close_at: float | None = None
        self._child: ChildJob | None = None
        self._changed = threading.Condition()
        for name in self._outbox.broken:
            self._say(f"Hub: outbox entry {name} cannot be read and is left alone")
        self._thread = threading.Thread(target=self._work, name="pusher", daemon=True)
        self._thread.start()

    def push(self, step_folder: Path | str, branch: str = TRAINING, title: str | None = None) -> None:
        """Puts a checkpoint folder of this run in line and returns at once.

        `training` gets everything that resume needs; `main` what is served. Keep the folder until it is pushed: see
        `waiting`. A full disk or an absent Hub raises nothing: that is reported. ValueError: not a folder of this run.
        """
        folder = Path(step_folder).resolve()
        if folder.parent != self._outbox.run_folder:
            raise ValueError(f"{folder.name!r} is not a checkpoint folder of run {self._outbox.run_folder.name!r}")
        line, news = " ".join((title or title_of(folder, branch)).split())[:200], ""
        with self._changed:
            try:
                self._outbox.add(folder.name, branch, line)
            except OSError as error:
                news = f"Hub: {folder.name} waits in memory only, the outbox cannot be written: {error.strerror}"
            if self._refused:
                self._refused, self._not_before = False, 0.0  # one more try for each new checkpoint
            self._changed.notify_all()
        self._say(news)

    def waiting(self) -> list[Entry]:
        """What is not on the Hub yet, in the order in which it will be tried."""
        with self._changed:
            return self._outbox.entries()

    def close(self, deadline_s: float = 60.0) -> PushReport:
        """Waits until everything is pushed or refused, for `deadline_s` seconds at most, and ends.

        What is left stays in the outbox. Safe to call twice.
        """
        with self._changed:
            self._close_at = time.monotonic() + deadline_s
            self._not_before = 0.0
            self._changed.notify_all()
        try:
            self._thread.join(deadline_s)
        finally:  # also when Ctrl-C ends the waiting
            with self._changed:
                self._close_at = 0.0
                self._changed.notify_all()
                if self._child:
                    self._child.kill()
            self._thread.join(5.0)
            self._outbox.close()
        return PushReport(tuple(self._pushed), tuple(self._outbox.entries()), self._error)

    # the thread

    def _work(self) -> None:
        while (entry := self._await_entry()) is not None:
            try:
                self._send(entry)
            except Exception as error:  # noqa: BLE001 - the thread must outlive any mistake; training goes on
                with self._changed:
                    news = self._failed(entry, {"message": f"pushing {entry.folder} failed: {error}", "retry": True})
                self._say(news)

    def _await_entry(self) -> Entry | None:
        """The next entry when its time has come; None when it is time to end."""
        with self._changed:
            while True:
                now = time.monotonic()
                entry = next((e for e in self._outbox.entries() if e not in self._held), None)
                if self._close_at is not None and (entry is None or now >= self._close_at):
                    return None
                if entry is not None and now >= self._not_before:
                    return entry
                until = self._not_before if entry is not None else now + 3600.0
                if self._close_at is not None:
                    if until >= self._close_at:
                        return None
                    until = min(until, self._close_at)
                self._changed.wait(until - now)

    def _send(self, entry: Entry) -> None:
        with self._changed:
            folder = self._outbox.run_folder / entry.folder
            here = folder.is_dir() and self._outbox.before_push(entry)
            if here:
                self._child = ChildJob(self._job(entry, folder), self._patience)
            else:
                self._outbox.drop(entry)
            limit_s = self._patience.attempt_s
            if self._close_at is not None:
                limit_s = max(0.1, min(limit_s, self._close_at - time.monotonic()))
        if not here or self._child is None:
            self._say(f"Hub: {entry.folder} is no longer here and will not be pushed to {entry.branch}")
            return
        outcome = _better(self._child.run(limit_s), self._error)
        with self._changed:
            self._child = None
            news = self._succeeded(entry, outcome["commit"]) if outcome["ok"] else self._failed(entry, outcome)
        self._say(news)

    def _job(self, entry: Entry, folder: Path) -> dict[str, Any]:
        job = {"verb": "push", "repo": self.destination.repo, "branch": entry.branch, "title": entry.title}
        return {**job, "folder": str(folder), "with_state": entry.branch != MAIN}

    def _succeeded(self, entry: Entry, commit: str) -> str:
        self._fails, self._not_before, self._error = 0, 0.0, None
        self._pushed.append(Pushed(entry.number, entry.folder, entry.branch, entry.title, commit))
        self._outbox.done(entry, commit)
        left = len(self._outbox.entries())
        more = f", {left} more to push" if left else ""
        return f"Hub: pushed {entry.folder} to {self.destination.repo}@{entry.branch} ({commit[:8]}){more}"

    def _failed(self, entry: Entry, outcome: dict[str, Any]) -> str:
        """Chooses when to try again; returns what to say, nothing when it was said before."""
        self._fails += 1
        wait_s = min(self._patience.longest_wait_s, self._patience.first_wait_s * 2 ** min(self._fails - 1, 20))
        wait_s = max(wait_s * random.uniform(0.5, 1.0), min(outcome.get("wait_s", 0.0), _PERMANENT_PAUSE_S))
        if not outcome["retry"]:
            if outcome.get("scope") == "entry":
                self._held.add(entry)
                wait_s = 0.0
            else:
                wait_s, self._refused = _PERMANENT_PAUSE_S, True
        self._not_before = time.monotonic() + wait_s
        news, self._error = outcome["message"] != self._error, outcome["message"]
        return f"Hub: {self._error}; {entry.folder} is kept for {entry.branch}, to be pushed later" if news else ""

    def _say(self, line: str) -> None:
        if not line:
            return
        with contextlib.suppress(Exception):  # a closed terminal must not end the pushing
            self._report(line)


def push_pending(
    run_folder: Path | str,
    *,
    report: Report = to_stderr,
    deadline_s: float = 3600.0,
    patience: Patience | None = None,
) -> PushReport:
    """Pushes what waits in the run's outbox, for `deadline_s` seconds at most. HubError when it has no destination."""
    return Pusher(read_destination(run_folder), run_folder, report=report, patience=patience).close(deadline_s)
