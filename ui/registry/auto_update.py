"""Serves the newest commit of models on the Hub: when a branch gets a new commit, that commit replaces the old one.

A model whose first download failed is downloaded again in the same way until it is loaded.

Each model's newest commit id is requested at intervals, which are longer while the Hub does not answer. A new commit is
loaded with all checks while the old one is served, and then replaces it (``ModelRegistry.replace``). A commit that
cannot be loaded is reported and not tried again; a download that failed or was damaged is repeated. Models in folders
and models pinned to a commit are never updated.

Commits that this module downloaded are removed from the Hub's cache once they are not needed: an app runs for months,
and its model may get a new commit every minute. Commits that were in the cache before are kept.
"""

from __future__ import annotations

import logging
import threading

from model import CharLSTM, ModelUnavailableError
from model.hub.limits import time_limits
from model.hub.snapshot import Snapshot, is_cached, note_revision, remove_cached

from ..messages import Message
from .registry import Entry, ModelRegistry, commit_problem, load_problem, plain
from .specs import split_spec

log = logging.getLogger("char-lstm")

LONGEST_S = 900.0  # between two requests, however long the Hub has been out of reach
_CHECK_S = 300.0  # in which the requests of one check may begin
_FAILS_SHOWN = 3  # in a row, after which the page shows that newer commits cannot be downloaded


def start_updates(registry: ModelRegistry, every_s: float) -> None:
    """Updates each model in a thread of its own until the registry stops, so that a request that hangs delays no other.

    No model is updated if HF_HUB_OFFLINE is set.

    Args:
        registry: the models that are served.
        every_s: seconds between two requests for a model; 0 is never.
    """
    from huggingface_hub import constants

    registry.is_followed = bool(every_s) and not constants.HF_HUB_OFFLINE
    for entry in registry.on_hub if registry.is_followed else ():
        run, name = _ModelUpdate(registry, entry).run, f"auto update {entry.name}"
        threading.Thread(target=run, args=(every_s,), name=name, daemon=True).start()


class _ModelUpdate:
    """The updates of one model."""

    def __init__(self, registry: ModelRegistry, entry: Entry) -> None:
        self._registry = registry
        self._entry = entry
        id_, self._revision = split_spec(entry.spec)
        self._repo = id_.removeprefix("hf://")
        self._refused = ""  # the newest commit, if it cannot be loaded
        self._downloaded: set[str] = set()  # commits that were not in the cache before
        self._fails = 0  # requests in a row

    def run(self, every_s: float) -> None:
        """Checks for newer commits until the registry stops; of a pinned model, until it is loaded."""
        self._entry.done.wait()
        while self._entry in self._registry.auto_updated or not self._entry.loaded:
            if self._registry.stopped.wait(min(every_s * 2.0 ** min(self._fails, 30), max(every_s, LONGEST_S))):
                return
            self.check()

    def check(self) -> None:
        """Requests the newest commit id and serves that commit if it is not served yet."""
        error: ModelUnavailableError | None = None
        try:
            with time_limits(_CHECK_S):
                newest = Snapshot(self._repo, self._revision).newest_commit()
                self._serve(newest)
            self._clean_up(newest)
        except ModelUnavailableError as problem:
            error = problem
        self._fails = self._fails + 1 if error else 0
        if error and self._fails == 1:
            log.warning("the newest commit of %s is unknown (%s): checking less often", self._entry.name, error)
        if error is None or self._fails >= _FAILS_SHOWN:
            self._show_problem(error)

    def _show_problem(self, error: ModelUnavailableError | None) -> None:
        """Shows on the page why newer commits cannot be downloaded; None removes the message."""
        entry = self._entry
        before = entry.failure, entry.update_problem
        if error and not entry.loaded:
            entry.failure = load_problem(entry.name, error)
        else:
            entry.update_problem = Message("model.not_updated", name=entry.name, reason=plain(error)) if error else None
        if before != (entry.failure, entry.update_problem):
            self._registry.bump_version()

    def _serve(self, commit: str) -> None:
        entry, loaded = self._entry, self._entry.loaded
        if loaded and commit == loaded.commit and (loaded.lm.notice or loaded.refused_commit):
            # The Hub is back, or the branch has this commit again.
            loaded.lm.notice, loaded.refused_commit = "", None
            self._registry.bump_version()
        draining = any(older.name == entry.name for older in self._registry.draining)  # at most two are in memory
        if commit == self._refused or (loaded and commit == loaded.commit) or draining:
            return
        if not is_cached(self._repo, commit):
            self._downloaded.add(commit)
        try:
            lm = CharLSTM.from_pretrained(self._repo, revision=commit, device=self._registry.device)
            self._registry.replace(entry, lm)
            note_revision(self._repo, self._revision, commit)
        except ModelUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001  no fault of a commit may end the checks
            self._refuse(commit, error)

    def _clean_up(self, newest: str) -> None:
        """Removes downloaded commits from the cache that are neither loaded nor the newest."""
        needed = {loaded.commit for loaded in self._registry.all_loaded if loaded.name == self._entry.name}
        needed |= {newest} - {self._refused}
        for commit in self._downloaded - needed:
            remove_cached(self._repo, commit)
            self._downloaded.remove(commit)

    def _refuse(self, commit: str, error: Exception) -> None:
        name, loaded, reason = self._entry.name, self._entry.loaded, commit_problem(error)
        self._refused = commit
        if loaded:
            loaded.refused_commit = Message("model.commit_refused", commit=commit[:7], reason=reason)
            log.warning("%s: %s; %s stays", name, loaded.refused_commit, loaded.commit[:7])
        else:
            self._entry.failure = Message("model.failed", name=name, reason=reason)
            log.warning("%s (commit %s)", self._entry.failure, commit[:7])
        self._registry.bump_version()
