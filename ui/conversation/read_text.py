"""The text that a model has read since its state was zero, and the cells that were clamped meanwhile.

A page keeps the text of its conversation and sends it with each request. The model's state is computed from it.
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from model.clamps import Clamps, Stretches, clamps_at

from ..registry.loaded_model import LoadedModel


@dataclass(frozen=True)
class ReadText:
    """A text that a model has read, or has still to read.

    Attributes:
        served: the model.
        text: prompts and replies since the state was zero.
        start: whether the model read its start character before the text. It always does if it knows no character of
            the text.
        clamps: pairs of a position and the cells that are clamped from the step on that reads this position; -1 is the
            start character. The step that reads the last known character belongs to the reply that follows, whose
            clamps are not among these.
        last: the position of the last character that the model knows; -1 is the start character.
    """

    served: LoadedModel
    text: str
    start: bool = False
    clamps: Stretches = ()
    last: int = field(init=False)

    def __post_init__(self) -> None:
        (last,) = self._last_before([len(self.text)])
        object.__setattr__(self, "last", last)
        object.__setattr__(self, "start", self.start or last < 0)
        object.__setattr__(self, "clamps", tuple(_changes(self.clamps, last)))

    def followed_by(self, reply: str, cells: Clamps) -> ReadText:
        """Returns the text with a reply that was written with clamped cells."""
        clamps = (*self.clamps, (self.last, cells))
        return replace(self, text=self.text + reply, clamps=clamps)

    def unread_clamps(self, length: int) -> Stretches:
        """Returns the clamps for reading the rest of the text after its first ``length`` characters.

        Positions count from there.
        """
        (last,) = self._last_before([length])
        later = [(position - length, clamps) for position, clamps in self.clamps if position > length]
        # The last known character of the beginning is read with the rest, as position -1.
        stretches = [(-1, clamps_at(self.clamps, last)), (0, clamps_at(self.clamps, length)), *later]
        return stretches if any(clamps for _, clamps in stretches) else ()

    def keys(self, lengths: Iterable[int]) -> Iterator[tuple[int, str]]:
        """Yields each length of a beginning, shortest first, with a key: equal keys mean equal states after it."""
        for length, text, clamps in self._hashes(sorted(lengths)):
            yield length, _key(text, clamps)

    def key_with(self, cells: Clamps) -> Callable[[str], str]:
        """Returns a function that returns the key of the text with a reply, which was written with clamped cells.

        The function needs neither the text nor its clamps in memory.
        """
        ((_, text, clamps),) = self._hashes([len(self.text)])
        change = _of_change((self.last, cells)) if cells != clamps_at(self.clamps, self.last) else b""
        return lambda reply: _key(text, clamps, reply, change if reply else b"")

    def _hashes(self, lengths: list[int]) -> Iterator[tuple[int, Any, Any]]:
        """Yields each length with a hash of the text so far, and one of its clamps."""
        parts = self.served.parts or (self.served,)
        models = [[part.name, part.commit] for part in parts]
        head = json.dumps([models, self.served.engine.precision, self.start]) + "\n"
        sha, done = hashlib.sha256(head.encode()), 0
        clamps, changes = hashlib.sha256(), deque(self.clamps)
        for length, last in zip(lengths, self._last_before(lengths), strict=True):
            sha.update(_of_text(self.text[done:length]))
            done = length
            while changes and changes[0][0] < last:
                clamps.update(_of_change(changes.popleft()))
            yield length, sha, clamps

    def _last_before(self, lengths: list[int]) -> list[int]:
        """Returns the positions of the last known characters before lengths of the text; -1 is the start character."""
        known = np.flatnonzero(self.served.lm.tokenizer.in_vocab(self.text))
        return list(map(int, np.append(-1, known)[np.searchsorted(known, lengths)]))


def _of_text(text: str) -> bytes:
    return text.encode("utf-32-le", "surrogatepass")


def _of_change(change: tuple[int, Clamps]) -> bytes:
    return json.dumps(change).encode()


def _key(text: Any, clamps: Any, reply: str = "", change: bytes = b"") -> str:
    whole, changes = text.copy(), clamps.copy()
    changes.update(change)
    whole.update(_of_text(reply) + changes.digest())
    return str(whole.hexdigest())


def _changes(clamps: Stretches, before: int) -> Iterator[tuple[int, Clamps]]:
    """Yields the clamps that apply before a position, without those that change nothing."""
    current: Clamps = ()
    for change in clamps:
        position, each = change
        if position < before and each != current:
            current = each
            yield change  # not a copy: there may be thousands
