"""Models that live: when a name on the Hub comes to mean another commit, that one is served from then on.

The Hub is asked for the commit alone, one small request now and then, a little earlier each time so that many apps do
not ask at once, and ever less often while it does not answer. What is found is loaded as strictly as any model, beside
the one that is served; only then it takes its place (``Shelf.serve``). A commit that cannot be served is told of, is
not tried again, and changes nothing. Models of folders and pinned commits are left alone.

What was fetched here leaves the Hub's cache when it is not served any more, or not at all: an app may run for months,
and what it follows may be pushed to every minute. What lay there before is somebody else's, and stays.
"""

from __future__ import annotations

import logging
import random
import threading

from model import CharLSTM, CheckpointError, ModelUnavailableError
from model.hub.cache import is_cached, note_revision, remove_cached
from model.hub.errors import MissingFileError
from model.hub.snapshot import Snapshot

from ..messages import Message
from .registry import Entry, ModelRegistry, split_spec

log = logging.getLogger("char-lstm")

LONGEST_S = 900.0  # between two questions, however long the Hub has been away
_EARLIER = 0.2  # of the time between two questions, at most


class AutoUpdater:
    """Follows the models of a shelf, each in a thread of its own: one that hangs keeps no other back.

    Args:
        shelf: where they are.
        every_s: how often the Hub is asked; 0 is never.
    """

    def __init__(self, registry: ModelRegistry, every_s: float) -> None:
        self._registry = registry
        self._every_s = every_s
        self._ended = threading.Event()

    def start(self) -> None:
        """Begins to ask; nothing where nothing may change, or where the Hub is not to be asked."""
        from huggingface_hub import constants

        if not self._every_s or constants.HF_HUB_OFFLINE:
            return
        for entry in self._registry.followed:
            threading.Thread(target=self._follow, args=(entry,), name=f"renewal {entry.name}", daemon=True).start()

    def stop(self) -> None:
        """Asks no more."""
        self._ended.set()

    def pause_s(self, fails: int) -> float:
        """Seconds until the next question, after so many in a row that were not answered."""
        longest = max(self._every_s, LONGEST_S)
        return min(self._every_s * 2.0 ** min(fails, 30), longest) * random.uniform(1 - _EARLIER, 1)

    def _follow(self, entry: Entry) -> None:
        followed = _Followed(self._registry, entry)
        entry.done.wait()
        while not self._ended.wait(self.pause_s(followed.fails)):
            followed.look()


class _Followed:
    """One model, and what is known of its name on the Hub.

    Attributes:
        fails: how many questions in a row were not answered.
    """

    def __init__(self, registry: ModelRegistry, entry: Entry) -> None:
        self._registry = registry
        self._entry = entry
        id_, self._revision = split_spec(entry.spec)
        self._repo = id_.removeprefix("hf://")
        self._bad = ""  # the commit that was found last, if it cannot be served
        self._fetched: set[str] = set()  # commits that are in the cache because of this
        self.fails = 0

    def look(self) -> None:
        """Asks which commit it is, and serves it if it is another."""
        try:
            newest = Snapshot(self._repo, self._revision).newest_commit()
            self._consider(newest)
            self._tidy(newest)
            self.fails = 0
        except ModelUnavailableError as error:
            self.fails += 1
            if self.fails == 1:
                log.warning("no newer commit of %s can be had (%s): asking less often", self._entry.name, error)

    def _consider(self, commit: str) -> None:
        served = self._entry.served
        if commit == self._bad:
            return
        if served and commit == served.commit:
            if served.lm.notice or served.refused:  # the Hub is back; or the branch, from where it should not be
                served.lm.notice, served.refused = "", None
                self._registry.changed()
            return
        if self._entry.leaving:  # two of a model are the most that are kept
            return
        if not is_cached(self._repo, commit):
            self._fetched.add(commit)
        try:
            self._registry.serve(
                self._entry, CharLSTM.from_pretrained(self._repo, revision=commit, device=self._registry.device)
            )
            note_revision(self._repo, self._revision, commit)
        except Exception as error:
            if isinstance(error, ModelUnavailableError) and not isinstance(error, MissingFileError):
                raise
            self._refuse(commit, error)

    def _tidy(self, newest: str) -> None:
        """Removes from the cache what was fetched here and is neither served nor about to be."""
        entry = self._entry
        needed = {served.commit for served in (entry.served, *entry.leaving) if served}
        needed |= {newest} - {self._bad}
        for commit in self._fetched - needed:
            remove_cached(self._repo, commit)
            self._fetched.remove(commit)

    def _refuse(self, commit: str, error: Exception) -> None:
        name, served, reason = self._entry.name, self._entry.served, _reason(error)
        self._bad = commit
        if served:
            served.refused = Message("model.commit_refused", commit=commit[:7], reason=reason)
            log.warning("%s: %s; %s stays", name, served.refused, served.commit[:7])
        else:
            self._entry.failure = Message("model.failed", name=name, reason=reason)
            log.warning("%s (commit %s)", self._entry.failure, commit[:7])
        self._registry.changed()


def _reason(error: Exception) -> str | Message:
    """Why a commit is refused, in words for visitors."""
    if isinstance(error, CheckpointError):
        return str(error)
    if isinstance(error, MissingFileError):
        return Message("model.file_missing", file=error.file)
    log.error("loading a newer commit", exc_info=error)
    return Message("model.load_error", error=type(error).__name__)
