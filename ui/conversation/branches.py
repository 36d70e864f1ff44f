"""The tree of a conversation's turns, replaced turns included; the page shows one path through it.

Retry, a rewrite from a character on, and a new prompt after Undo each begin a branch. Switching between branches
generates nothing, because each turn keeps the memory before and after it. Pure logic; knows turns by number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, Protocol, TypeVar

MOST = 60  # turns that are kept, the shown path included
MOST_TEXT = 200_000  # characters of all kept turns


class Node(Protocol):
    """A turn: its number, its length in characters, and a label that distinguishes it."""

    number: int

    @property
    def written(self) -> int: ...

    @property
    def label(self) -> str: ...


T = TypeVar("T", bound=Node)


class Branches(Generic[T]):
    """All turns, each with the turn before it."""

    def __init__(self) -> None:
        self._turns: dict[int, T] = {}
        self._before: dict[int, int] = {}  # of a first turn 0
        self._undone: list[int] = []

    def add(self, path: Sequence[T], instead_of: T | None = None) -> None:
        """Adds the last turn of a path.

        Args:
            path: the turns that are shown.
            instead_of: a turn that it replaces for good.
        """
        self._note(path)
        self._undone.clear()
        if instead_of is not None:
            self._turns.pop(instead_of.number, None)
        if self._before[top := path[0].number]:  # drop the turns before the path, and their branches
            self._turns = {n: turn for n, turn in self._turns.items() if top in self._numbers_to(n)}
        kept = {turn.number for turn in path}
        while len(self._turns) > MOST or sum(turn.written for turn in self._turns.values()) > MOST_TEXT:
            ends = self._turns.keys() - {self._before[n] for n in self._turns} - kept
            if not ends:
                break
            del self._turns[min(ends)]

    def undone(self, turn: T) -> None:
        """Notes a turn that Undo has removed; ``redo`` returns the path to it."""
        self._undone.append(turn.number)

    def redo(self) -> list[T]:
        """The path to the turn that was undone last; empty if there is none."""
        while self._undone:
            if path := self.path_to(self._undone.pop()):
                return path
        return []

    def path_to(self, number: object) -> list[T]:
        """The turns up to the one with this number; empty if there is none."""
        if type(number) is not int or number not in self._turns:
            return []
        return [self._turns[each] for each in self._numbers_to(number)]

    def as_json(self, path: Sequence[T]) -> dict[str, Any]:
        """The tree for the page: each turn's number, the number before it and its label; {} while nothing branches."""
        self._note(path)
        if len(self._turns) == len(path):
            return {}
        tree = [[n, self._parent(n), turn.label] for n, turn in sorted(self._turns.items())]
        return {"tree": tree, "here": path[-1].number if path else 0, "redo": bool(self._undone)}

    def _note(self, path: Sequence[T]) -> None:
        before = 0
        for turn in path:
            self._turns[turn.number] = turn
            before = self._before.setdefault(turn.number, before)
            before = turn.number

    def _parent(self, number: int) -> int:
        before = self._before[number]
        return before if before in self._turns else 0

    def _numbers_to(self, number: int) -> list[int]:
        path = [number]
        while (before := self._parent(path[0])) != 0:
            path.insert(0, before)
        return path
