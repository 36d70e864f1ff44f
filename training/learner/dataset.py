"""From a text's ids to windows: what the network reads at step s is a pure function of (ids, batch, window, seed, s).

So a run that is resumed reads on at the very character, and nothing about the position has to be kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from model import CharTokenizer

from ..corpus.ids_file import Ids, release

Places = npt.NDArray[np.int64]
VALIDATION_PART = 10  # the last tenth
_ROWS_MAPPED = 1024  # rows that are read before a mapped text's memory is given back; each takes 64 kB or so


def split(ids: Ids) -> tuple[Ids, Ids]:
    """The first nine tenths to train on, and the last tenth, on which nothing is trained."""
    cut = len(ids) - max(1, len(ids) // VALIDATION_PART)
    return ids[:cut], ids[cut:]


def utf8_bytes(tokenizer: CharTokenizer, ids: Ids) -> int:
    """How many bytes the characters of these ids take in UTF-8."""
    times = np.bincount(ids, minlength=len(tokenizer))
    return sum(int(n) * len(char.encode()) for n, char in zip(times, tokenizer.vocab, strict=True))


@dataclass(frozen=True)
class Windows:
    """Windows of contiguous streams, for truncated backpropagation with the state carried from one to the next.

    The text is laid out as a ring and cut into ``batch`` equal streams; step by step all rows move on by one
    window. After a pass over the ring, the cuts move to a random place, so that windows never repeat.

    Args:
        ids: (N,) the training text.
        batch: rows B.
        window: characters T a row a step.
        seed: of the places of the cuts.
        rows: which of the rows are read here; None for all, else the others are another process's.
    """

    ids: Ids
    batch: int
    window: int
    seed: int
    rows: slice | None = None

    def __post_init__(self) -> None:
        if len(self.ids) < 2:
            raise ValueError("the text to train on has fewer than 2 characters")

    @property
    def steps_per_pass(self) -> int:
        """Steps until every character has been read once."""
        return max(1, len(self.ids) // (self.batch * self.window))

    def starts_pass(self, step: int) -> bool:
        """Whether the rows have just moved elsewhere, so that a carried state would be of another place."""
        return step % self.steps_per_pass == 0

    def at(self, step: int) -> tuple[Tensor, Tensor]:
        """Inputs and targets of a step, (B, T) int64 each, B the rows read here; targets are the inputs' successors."""
        read = torch.from_numpy(self.ids[self.places(step)].astype(np.int64))
        if step % max(1, _ROWS_MAPPED // self.batch) == 0:
            release(self.ids)
        return read[:, :-1].contiguous(), read[:, 1:].contiguous()

    def places(self, step: int) -> Places:
        """(B, T + 1), where in the text a step's characters stand."""
        turn, position = divmod(step, self.steps_per_pass)
        offset = int(np.random.default_rng([self.seed, turn]).integers(len(self.ids)))
        rows = np.arange(self.batch)[self.rows or slice(None)] * len(self.ids) // self.batch
        rows += offset + position * self.window
        places: Places = (rows[:, None] + np.arange(self.window + 1)) % len(self.ids)
        return places
