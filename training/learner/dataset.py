"""Batches of the text: the characters that a step reads are a pure function of (ids, batch, window, seed, step).

So a resumed run continues at the same character, and a checkpoint does not store the position in the text.

Each pass can read the paragraphs of the text in another order. In plays, articles and dialogues most of the next
character depends on its own paragraph, and a network memorizes such a text less if every pass puts each paragraph after
another one; docs/lab-book.md has the losses.

Shapes: N characters of the text, P paragraphs, B rows, T characters of a window.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from model import CharTokenizer

from ..corpus.ids_file import PIECE, Ids

Positions = npt.NDArray[np.int64]
VALIDATION_PART = 10  # the last tenth of a text is held out


def split(ids: Ids) -> tuple[Ids, Ids]:
    """Returns the first nine tenths of a text, to train on, and the last tenth, for validation."""
    cut = len(ids) - max(1, len(ids) // VALIDATION_PART)
    return ids[:cut], ids[cut:]


def utf8_bytes(tokenizer: CharTokenizer, ids: Ids) -> int:
    """Returns the number of bytes of these characters in UTF-8."""
    times = np.bincount(ids, minlength=len(tokenizer))
    return sum(int(n) * len(char.encode()) for n, char in zip(times, tokenizer.vocab, strict=True))


@dataclass(frozen=True, eq=False)
class Paragraphs:
    """The paragraphs of a text: what lies between two blank lines, with the blank line after it."""

    starts: Positions  # (P,) the position of the first character of each paragraph, ascending; the first is 0
    length: int  # N

    def reorder(self, positions: Positions, seed: int, pass_number: int) -> Positions:
        """Maps positions in a pass that reads the paragraphs in random order to positions in the text.

        Args:
            positions: of any shape, 0 to N - 1.
            pass_number: from 0; the order of the paragraphs is a function of `seed` and `pass_number`.
        """
        shifts, ends = _order(self, seed, pass_number)
        reordered: Positions = positions + shifts[np.searchsorted(ends, positions, side="right")]
        return reordered


@lru_cache(maxsize=2)  # called at each of the thousands of steps of a pass
def _order(paragraphs: Paragraphs, seed: int, pass_number: int) -> tuple[Positions, Positions]:
    """Returns, for the paragraphs in a random order, the position in the text less that in the pass, and their ends."""
    order = np.random.default_rng([seed, pass_number, 1]).permutation(len(paragraphs.starts))
    lengths = np.diff(paragraphs.starts, append=paragraphs.length)[order]
    ends = np.cumsum(lengths)
    return paragraphs.starts[order] - (ends - lengths), ends


def find_paragraphs(ids: Ids, tokenizer: CharTokenizer) -> Paragraphs:
    """Returns the paragraphs of a text (N,), in ids of `tokenizer`; one paragraph if the text has no blank line."""
    if "\n" not in tokenizer.vocab:
        return Paragraphs(np.zeros(1, np.int64), len(ids))
    line_break = int(tokenizer.lookup("\n")[0])
    found = [np.zeros(1, np.int64)]
    for start in range(0, len(ids), PIECE):
        piece = np.asarray(ids[max(0, start - 1) : start + PIECE]) == line_break
        found.append(np.flatnonzero(piece[:-1] & piece[1:]) + max(0, start - 1) + 2)
    starts = np.concatenate(found)
    # Of several blank lines in a row, the last one ends the paragraph.
    last = np.append(np.diff(starts) > 1, True)
    last[0] = True
    starts = starts[last & (starts < len(ids))]
    return Paragraphs(starts, len(ids))


@dataclass(frozen=True)
class Windows:
    """Windows of contiguous streams, for truncated backpropagation with the state carried to the next window.

    The text is a ring, cut into `batch` streams of equal length; at each step every row reads the next window of its
    stream. After a pass over the ring the cuts move to a random position, so that windows do not repeat; with
    `paragraphs` each pass also reads the paragraphs in another order.
    """

    ids: Ids  # (N,) the text to train on
    # B and T, the BPTT length
    batch: int
    window: int
    seed: int  # the seed of the positions of the cuts
    rows: slice | None = None  # the rows of the batch that this process reads; None for all
    # The paragraphs of the text, to read them in random order; None for the order of the text
    paragraphs: Paragraphs | None = None

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
        return read[:, :-1].contiguous(), read[:, 1:].contiguous()

    def positions(self, step: int) -> Positions:
        """Returns the positions in the text of a step's characters, (B, T + 1)."""
        pass_number, index = divmod(step, self.steps_per_pass)
        offset = int(np.random.default_rng([self.seed, pass_number]).integers(len(self.ids)))
        starts = np.arange(self.batch)[self.rows or slice(None)] * len(self.ids) // self.batch
        starts += offset + index * self.window
        positions: Positions = (starts[:, None] + np.arange(self.window + 1)) % len(self.ids)
        return self.paragraphs.reorder(positions, self.seed, pass_number) if self.paragraphs else positions
