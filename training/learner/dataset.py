"""Batches of the text: the characters that a step reads are a pure function of (ids, batch, window, seed, step).

So a resumed run continues at the same character, and a checkpoint does not store the position in the text.

Shapes: N characters of the text, B rows, T characters of a window.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from model import CharTokenizer

from ..corpus.ids_file import Ids, release
from .paragraphs import Paragraphs, Positions

VALIDATION_PART = 10  # the last tenth of a text is held out
_ROWS_MAPPED = 1024  # rows read before the pages of a mapped text are freed; each row maps some 64 kB


def split(ids: Ids) -> tuple[Ids, Ids]:
    """Returns the first nine tenths of a text, to train on, and the last tenth, for validation."""
    cut = len(ids) - max(1, len(ids) // VALIDATION_PART)
    return ids[:cut], ids[cut:]


def utf8_bytes(tokenizer: CharTokenizer, ids: Ids) -> int:
    """Returns the number of bytes of these characters in UTF-8."""
    times = np.bincount(ids, minlength=len(tokenizer))
    return sum(int(n) * len(char.encode()) for n, char in zip(times, tokenizer.vocab, strict=True))


@dataclass(frozen=True)
class Windows:
    """Windows of contiguous streams, for truncated backpropagation with the state carried to the next window.

    The text is a ring, cut into `batch` streams of equal length; at each step every row reads the next window of its
    stream. After a pass over the ring the cuts move to a random position, so that windows do not repeat; with
    `paragraphs` each pass also reads the paragraphs in another order.

    Args:
        ids: (N,) the text to train on.
        batch, window: B and T, the BPTT length.
        seed: the seed of the positions of the cuts.
        rows: the rows of the batch that this process reads; None for all.
        paragraphs: the paragraphs of the text, to read them in random order; None for the order of the text.

    Raises:
        ValueError: the text has fewer than 2 characters.
    """

    ids: Ids
    batch: int
    window: int
    seed: int
    rows: slice | None = None
    paragraphs: Paragraphs | None = None

    def __post_init__(self) -> None:
        if len(self.ids) < 2:
            raise ValueError("the text to train on has fewer than 2 characters")

    @property
    def steps_per_pass(self) -> int:
        """The number of steps in which every character is read once."""
        return max(1, len(self.ids) // (self.batch * self.window))

    def starts_pass(self, step: int) -> bool:
        """Returns whether the cuts move before this step: the carried state is then of another part of the text."""
        return step % self.steps_per_pass == 0

    def at(self, step: int) -> tuple[Tensor, Tensor]:
        """Returns the inputs of a step and their next characters, (B, T) int64 each, of the rows of this process."""
        read = torch.from_numpy(self.ids[self.positions(step)].astype(np.int64))
        if step % max(1, _ROWS_MAPPED // self.batch) == 0:
            release(self.ids)
        return read[:, :-1].contiguous(), read[:, 1:].contiguous()

    def positions(self, step: int) -> Positions:
        """Returns the positions in the text of a step's characters, (B, T + 1)."""
        pass_number, index = divmod(step, self.steps_per_pass)
        offset = int(np.random.default_rng([self.seed, pass_number]).integers(len(self.ids)))
        starts = np.arange(self.batch)[self.rows or slice(None)] * len(self.ids) // self.batch
        starts += offset + index * self.window
        positions: Positions = (starts[:, None] + np.arange(self.window + 1)) % len(self.ids)
        return self.paragraphs.reorder(positions, self.seed, pass_number) if self.paragraphs else positions
