"""The turns that a conversation had, those that gave way to others too: a small tree, one path of which is shown.

Retry, another way from a character on, and a new prompt after Undo each begin a branch. Nothing is written again to
walk between them, for each turn keeps what the model remembered before and after it. Pure logic; knows turns by number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, Protocol, TypeVar

MOST = 60  # turns that are kept, those of the path included
MOST_TEXT = 200_000  # characters of them


class Node(Protocol):
    """A turn: its number, how many characters it has, and how it is told from others."""

    number: int

    @property
    def written(self) -> int: ...

    @property
    def label(self) -> str: ...


T = TypeVar("T", bound=Node)


class Branches(Generic[T]):
    """All turns, each with the one before it."""

    def __init__(self) -> None:
        self._turns: dict[int, T] = {}
        self._before: dict[int, int] = {}  # of a first turn 0
        self._undone: list[int] = []

    def add(self, path: Sequence[T], instead_of: T | None = None) -> None:
        """A path has a new end.

        Args:
            path: the turns that are shown.
            instead_of: a turn that is to be forgotten for it.
        """
        self._note(path)
        self._undone.clear()
        if instead_of is not None:
            self._turns.pop(instead_of.number, None)
        if self._before[top := path[0].number]:  # what was before it is forgotten, and what branched off there
            self._turns = {n: turn for n, turn in self._turns.items() if top in self._numbers_to(n)}
        kept = {turn.number for turn in path}
        while len(self._turns) > MOST or sum(turn.written for turn in self._turns.values()) > MOST_TEXT:
            ends = self._turns.keys() - {self._before[n] for n in self._turns} - kept
            if not ends:
                break
            del self._turns[min(ends)]

    def undone(self, turn: T) -> None:
        """A turn is not shown any more; ``redo`` leads back to it."""
        self._undone.append(turn.number)

    def redo(self) -> list[T]:
        """The path to the turn that was undone last; empty if there is none."""
        while self._undone:
            if path := self.path_to(self._undone.pop()):
                return path
        return []

    def path_to(self, number: object) -> list[T]:
        """The turns up to the one of this number; empty if there is none."""
        if type(number) is not int or number not in self._turns:
            return []
        return [self._turns[each] for each in self._numbers_to(number)]

    def told(self, path: Sequence[T]) -> dict[str, Any]:
        """What the page draws: each turn's number, the one before it and its label; empty if there is one path only."""
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
