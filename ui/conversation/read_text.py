"""The text that a model has read since its state was zero, and the cells that were clamped meanwhile.

A page keeps the text of its conversation and sends it with each request. The model's state is computed from it.
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

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
    """

    served: LoadedModel
    text: str
    start: bool = False
    clamps: Stretches = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", self.start or not len(self._known))
        object.__setattr__(self, "clamps", tuple(_changes(self.clamps, self.last)))

    @property
    def last(self) -> int:
        """The position of the last character that the model knows; -1 is the start character."""
        return self.last_before(len(self.text))

    def last_before(self, length: int) -> int:
        """Returns the position of the last known character before a length of the text; -1 is the start character."""
        at = int(np.searchsorted(self._known, length))
        return int(self._known[at - 1]) if at else -1

    def followed_by(self, reply: str, cells: Clamps) -> ReadText:
        """Returns the text with a reply that was written with clamped cells."""
        clamps = (*self.clamps, (self.last, cells))
        return replace(self, text=self.text + reply, clamps=clamps)

    def unread_clamps(self, length: int) -> Stretches:
        """Returns the clamps for reading the rest of the text after its first ``length`` characters.

        Positions count from there.
        """
        last = self.last_before(length)
        later = [(position - length, clamps) for position, clamps in self.clamps if position > length]
        # The last known character of the beginning is read with the rest, as position -1.
        stretches = [(-1, clamps_at(self.clamps, last)), (0, clamps_at(self.clamps, length)), *later]
        return stretches if any(clamps for _, clamps in stretches) else ()

    def keys(self, lengths: list[int]) -> Iterator[tuple[int, str]]:
        """Yields each length of a beginning, shortest first, with a key: equal keys mean equal states after it."""
        parts = self.served.parts or (self.served,)
        models = [[part.name, part.commit] for part in parts]
        head = json.dumps([models, self.served.engine.precision, self.start]) + "\n"
        sha, done = hashlib.sha256(head.encode()), 0
        clamps, changes = hashlib.sha256(), deque(self.clamps)
        for length in sorted(lengths):
            sha.update(self.text[done:length].encode("utf-32-le", "surrogatepass"))
            done = length
            last = self.last_before(length)
            while changes and changes[0][0] < last:
                clamps.update(json.dumps(changes.popleft()).encode())
            if last >= 0 or self.start:
                whole = sha.copy()
                whole.update(clamps.digest())
                yield length, whole.hexdigest()

    @cached_property
    def _known(self) -> npt.NDArray[np.int64]:
        """The positions of the characters that the model knows."""
        return np.flatnonzero(self.served.lm.tokenizer.in_vocab(self.text))


def _changes(clamps: Stretches, before: int) -> Iterator[tuple[int, Clamps]]:
    """Yields the clamps that apply before a position, without those that change nothing."""
    current: Clamps = ()
    for change in clamps:
        position, each = change
        if position < before and each != current:
            current = each
            yield change  # not a copy: there may be thousands
