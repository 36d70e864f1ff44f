"""The checkpoints of a run that are still to be pushed: small JSON files in RUN/outbox that name checkpoint folders.

An entry is synced to disk before `add` returns, and removed only when the Hub has confirmed the commit, so neither a
crash nor days without a network lose an entry. The module makes no request. A file lock lets only one process use an
outbox at a time.

Order: the branch `main` first, of which only the newest entry is kept, because it has the best checkpoint; then the
others, oldest first. An older checkpoint never replaces a newer one on its branch: see `is_outdated`.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from model.files import AlreadyLockedError, acquire_lock, atomic_write, json_bytes, sync_folder
from model.hub.names import MAIN


class OutboxBusyError(Exception):
    """Another process uses this outbox."""


@dataclass(frozen=True, order=True)
class Entry:
    """One checkpoint to push. `number` counts the pushes of the run; `folder` is a name inside the run folder."""

    number: int
    folder: str
    branch: str
    title: str

    @property
    def file_name(self) -> str:
        """The name of the entry's file in the outbox."""
        return f"{self.number:08d}-{self.branch.replace('/', '-')}.json"


@dataclass(frozen=True)
class Pushed(Entry):
    """One push that the Hub has confirmed, with the id of its commit."""

    commit: str


class Outbox:
    """The outbox of a run folder. The entries are kept in memory, too, because a full disk may lack some of them.

    Raises:
        OutboxBusyError: another process uses it.
        OSError: its folder cannot be created or read.
    """

    def __init__(self, run_folder: Path) -> None:
        self.run_folder = run_folder.resolve()
        self._folder = self.run_folder / "outbox"
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            self.close = acquire_lock(self._folder / "lock")  # unlocks the outbox for other processes
        except AlreadyLockedError:
            raise OutboxBusyError(self.run_folder.name) from None
        self.broken: list[str] = []  # files that cannot be read
        self._entries = {entry.file_name: entry for entry in self._read_entries()}
        self._newest: dict[str, int] = {}  # by branch: the number of the newest entry that was pushed
        for pushed in self._read_pushed():
            self._note_pushed(pushed)
        self._next = max([entry.number for entry in self._entries.values()] + [*self._newest.values(), 0]) + 1

    def entries(self) -> list[Entry]:
        """Returns the entries still to be pushed, in the order of pushing."""
        return sorted(self._entries.values(), key=lambda entry: (entry.branch != MAIN, entry.number))

    def add(self, folder: str, branch: str, title: str) -> None:
        """Adds a checkpoint folder. Raises OSError if the disk is full: the entry is then kept in memory only."""
        entry = Entry(self._next, folder, branch, title)
        self._next += 1
        if branch == MAIN:
            for older in [each for each in self._entries.values() if each.branch == MAIN]:
                self.drop(older)
        self._entries[entry.file_name] = entry
        atomic_write(self._folder / entry.file_name, json_bytes(asdict(entry)))
        sync_folder(self._folder)

    def is_outdated(self, entry: Entry) -> bool:
        """Returns whether a newer entry was pushed to the same branch, which `entry` must not replace."""
        return entry.number < self._newest.get(entry.branch, 0)

    def done(self, entry: Entry, commit: str) -> Pushed:
        """Removes an entry that was pushed, and records its commit."""
        pushed = Pushed(**asdict(entry), commit=commit)
        self._note_pushed(pushed)
        self.drop(entry)
        with contextlib.suppress(OSError), (self._folder / "pushed.jsonl").open("a", encoding="utf-8") as file:
            file.write(f"\n{json.dumps(asdict(pushed))}\n")  # a crash may have cut off the line before
        return pushed

    def drop(self, entry: Entry) -> None:
        """Removes an entry."""
        self._entries.pop(entry.file_name, None)
        with contextlib.suppress(OSError):  # pushing it once more changes nothing
            (self._folder / entry.file_name).unlink(missing_ok=True)

    def _note_pushed(self, pushed: Pushed) -> None:
        self._newest[pushed.branch] = max(pushed.number, self._newest.get(pushed.branch, 0))

    def _read_entries(self) -> list[Entry]:
        found = []
        names = [each.name for each in fields(Entry)]  # earlier versions wrote another field, too
        for path in sorted(self._folder.glob("*-*.json")):
            try:
                values = json.loads(path.read_text(encoding="utf-8"))
                found.append(Entry(**{name: values[name] for name in names}))
            except (ValueError, TypeError, KeyError, OSError):
                self.broken.append(path.name)
        return found

    def _read_pushed(self) -> list[Pushed]:
        try:
            lines = (self._folder / "pushed.jsonl").read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return []
        found = []
        for line in lines:
            with contextlib.suppress(ValueError, TypeError):  # a line that a crash cut off or damaged
                found.append(Pushed(**json.loads(line)))
        return found
