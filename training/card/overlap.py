"""Finds the longest passage that a model copied from its training text.

Held-out text of the same length is searched as well: texts in one style share phrases, so a passage that is no longer
is no evidence of copying.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from model import CharTokenizer

from ..corpus.ids_file import Ids

MAX_CHARACTERS = 5_000_000  # of a text that are searched, its last ones: 1 s for Latin letters, 3 s for Chinese


@dataclass(frozen=True)
class Overlap:
    """The longest passage that some samples share with a training text."""

    passage: str  # the longest passage of the samples that occurs in the training text
    characters: int  # length of all samples together
    # Length of the longest passage that held-out text of this length shares with it; None if there is too little of it
    held_out: int | None
    searched: int  # characters of the training text that were searched, its last ones


@dataclass(frozen=True)
class Source:
    """The text that a model was trained on, in which its samples are searched for copied passages."""

    tokenizer: CharTokenizer  # of both texts
    train: Ids  # (N,) ids
    held_out: Ids  # (M,) ids

    def overlap(self, samples: Sequence[str]) -> Overlap:
        """Returns the longest passage of one of the samples that the training text has, and that of held-out text."""
        text = self.tokenizer.decode(self.train[-MAX_CHARACTERS:].astype(np.int64))
        count = sum(map(len, samples))
        held_out = None
        if count <= len(self.held_out):
            rest = iter(self.tokenizer.decode(self.held_out[:count].astype(np.int64)))
            held_out = len(longest_shared(["".join(next(rest) for _ in sample) for sample in samples], text))
        return Overlap(longest_shared(samples, text), count, held_out, len(text))


def longest_shared(samples: Iterable[str], text: str) -> str:
    """Returns the longest passage of any sample that occurs in a text; the first of equally long ones."""
    best = ""
    for sample in samples:
        start = 0
        while (end := start + len(best) + 1) <= len(sample):
            if sample[start:end] in text:
                best = sample[start:end]
            else:  # what ends here and occurs in the text occurs in it without its first characters, too
                start = bisect_left(range(end), True, lo=start + 1, key=lambda at: sample[at:end] in text)
    return best
