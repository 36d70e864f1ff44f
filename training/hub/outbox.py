"""What waits to be pushed: small JSON files in `RUN/outbox`, which name checkpoint folders of the run.

An entry is written and synced before `add` returns, and removed only after the Hub has confirmed the commit; so
neither a crash nor a network that is gone for days loses one. Knows no network. One process at a time holds it
(a file lock). Order: the newest first. Of `main`, which holds the best, only the newest entry counts. A branch that
gets every checkpoint never ends on an old one: when an older entry goes up after a newer, the newest is put in line
again, to become the head once more (its bytes are on the Hub by then).
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from model.files import AlreadyLockedError, acquire_lock, atomic_write, json_bytes
from model.hub.names import MAIN


class OutboxBusyError(Exception):
    """Another process holds this outbox."""


@dataclass(frozen=True, order=True)
class Entry:
    """One push that waits. `number` counts the run's pushes; `folder` is the base name inside the run folder."""

    number: int
    folder: str
    branch: str
    title: str
    again: bool = False

    @property
    def file_name(self) -> str:
        return f"{self.number:08d}-{self.branch.replace('/', '-')}.json"


@dataclass(frozen=True)
class Pushed:
    """One push that the Hub has confirmed, with its commit id."""

    number: int
    folder: str
    branch: str
    title: str
    commit: str


class Outbox:
    """The outbox of one run folder. Memory is the truth of this process; the disk follows as well as it can."""

    def __init__(self, run_folder: Path) -> None:
        self.run_folder = run_folder.resolve()
        self._folder = self.run_folder / "outbox"
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            self.close = acquire_lock(self._folder / "lock")  # unlocks the outbox for other processes
        except AlreadyLockedError:
            raise OutboxBusyError(self.run_folder.name) from None
        self.broken: list[str] = []
        self._entries: dict[str, Entry] = {entry.file_name: entry for entry in self._read_entries()}
        self._heads: dict[str, Pushed] = {}
        highest = max((entry.number for entry in self._entries.values()), default=0)
        for pushed in self._read_pushed():
            highest = max(highest, pushed.number)
            self._note_head(pushed)
        self._next = highest + 1

    # entries

    def entries(self) -> list[Entry]:
        """What waits, in the order in which it will go up."""
        waiting = sorted(self._entries.values(), reverse=True)
        return [entry for entry in waiting if not entry.again] + [entry for entry in waiting if entry.again]

    def add(self, folder: str, branch: str, title: str) -> Entry:
        """Puts a checkpoint folder in line. OSError when the disk does not take it: it waits in memory then."""
        entry = Entry(self._next, folder, branch, title)
        self._next += 1
        if branch == MAIN:
            for older in [waiting for waiting in self._entries.values() if waiting.branch == MAIN]:
                self.drop(older)
        self._put(entry)
        return entry

    def before_push(self, entry: Entry) -> bool:
        """To be called before an entry goes up: False when it must not, because it would hide a newer one for good."""
        head = self._heads.get(entry.branch)
        if head is None or entry.number >= head.number:
            return True
        if not (self.run_folder / head.folder).is_dir():
            return False
        self._put(Entry(head.number, head.folder, head.branch, head.title, again=True))
        return True

    def done(self, entry: Entry, commit: str) -> Pushed:
        """The Hub has it: takes the entry out of the line and writes it down."""
        pushed = Pushed(entry.number, entry.folder, entry.branch, entry.title, commit)
        self._note_head(pushed)
        self.drop(entry)
        for other in list(self._entries.values()):
            if other.again and other.branch == entry.branch and other.number < entry.number:
                self.drop(other)
        with (self._folder / "pushed.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(pushed)) + "\n")
        return pushed

    def drop(self, entry: Entry) -> None:
        """Takes an entry out of the line."""
        self._entries.pop(entry.file_name, None)
        with contextlib.suppress(OSError):  # it would be pushed once more, which changes nothing
            (self._folder / entry.file_name).unlink(missing_ok=True)

    def _note_head(self, pushed: Pushed) -> None:
        head = self._heads.get(pushed.branch)
        if head is None or pushed.number >= head.number:
            self._heads[pushed.branch] = pushed

    def _put(self, entry: Entry) -> None:
        self._entries[entry.file_name] = entry
        atomic_write(self._folder / entry.file_name, json_bytes(asdict(entry)))

    def _read_entries(self) -> list[Entry]:
        found = []
        for path in sorted(self._folder.glob("*-*.json")):
            try:
                found.append(Entry(**json.loads(path.read_text(encoding="utf-8"))))
            except (ValueError, TypeError, OSError):
                self.broken.append(path.name)
        return found

    def _read_pushed(self) -> list[Pushed]:
        try:
            lines = (self._folder / "pushed.jsonl").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []
        found = []
        for line in lines:
            with contextlib.suppress(ValueError, TypeError):  # a line cut short by a crash
                found.append(Pushed(**json.loads(line)))
        return found
