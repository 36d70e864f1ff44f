"""Reads the paragraphs of a text in another order in each pass, so that a network cannot learn their order by heart.

In plays, articles and dialogues most of the next character depends on its own paragraph. A network that reads such a
text often memorizes it less if every pass puts each paragraph after another one; docs/lab-book.md has the losses.

Shapes: N characters of the text, P paragraphs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from model import CharTokenizer

from ..corpus.ids_file import PIECE, Ids, release

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Paragraphs:
    """The paragraphs of a text: what lies between two blank lines, with the blank line after it.

    Attributes:
        starts: (P,) the position of the first character of each paragraph, ascending; the first is 0.
        length: N.
    """

    starts: Positions
    length: int

    def reorder(self, positions: Positions, seed: int, pass_number: int) -> Positions:
        """Maps positions in a pass that reads the paragraphs in random order to positions in the text.

        Args:
            positions: of any shape, 0 to N - 1.
            seed: the seed of the run.
            pass_number: from 0; the order of the paragraphs is a function of `seed` and `pass_number`.
        """
        order, ends = _order(self, seed, pass_number)
        place = np.searchsorted(ends, positions, side="right")  # of the paragraph in this order
        paragraph = order[place]
        reordered: Positions = self.starts[paragraph] + positions - (ends[place] - self._lengths[paragraph])
        return reordered

    @property
    def _lengths(self) -> Positions:
        return np.diff(self.starts, append=self.length)


@lru_cache(maxsize=2)  # called at each of the thousands of steps of a pass
def _order(paragraphs: Paragraphs, seed: int, pass_number: int) -> tuple[Positions, Positions]:
    """Returns a random order of the paragraphs (P,), and where each of them ends in that order (P,)."""
    order = np.random.default_rng([seed, pass_number, 1]).permutation(len(paragraphs.starts))
    return order, np.cumsum(paragraphs._lengths[order])


def find_paragraphs(ids: Ids, tokenizer: CharTokenizer) -> Paragraphs:
    """Returns the paragraphs of a text (N,), in ids of `tokenizer`; one paragraph if the text has no blank line."""
    if "\n" not in tokenizer:
        return Paragraphs(np.zeros(1, np.int64), len(ids))
    line_break = int(tokenizer.lookup("\n")[0])
    found = [np.zeros(1, np.int64)]
    for start in range(0, len(ids), PIECE):
        piece = np.asarray(ids[max(0, start - 1) : start + PIECE]) == line_break
        found.append(np.flatnonzero(piece[:-1] & piece[1:]) + max(0, start - 1) + 2)
        release(ids)
    starts = np.concatenate(found)
    # Of several blank lines in a row, the last one ends the paragraph.
    last = np.append(np.diff(starts) > 1, True)
    last[0] = True
    starts = starts[last & (starts < len(ids))]
    return Paragraphs(starts, len(ids))
