"""Finds the longest passage that a model copied from its training text.

For comparison it also measures the longest passage that held-out text of the same length shares with the training text:
texts in one style share phrases, so a passage of that length is no evidence of copying. The text is scanned once, in
chunks, without an index.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model import CharTokenizer

MAX_CHARACTERS = 10_000_000  # of a text that are searched: its last ones
_CHUNK = 1 << 16  # characters
_SPANS = 5  # of held-out text that are searched for comparison; their median counts
Ids = npt.NDArray[np.integer]
_Words = npt.NDArray[np.uint64]
_BASE = 0x9E3779B97F4A7C15  # odd, so that it has an inverse modulo 2^64
_INVERSE = pow(_BASE, -1, 1 << 64)
_FIRST_BITS = np.uint64(48)


@dataclass(frozen=True)
class Overlap:
    """The longest passage that some samples share with a training text.

    Attributes:
        passage: the longest passage of the samples that occurs in the training text.
        characters: length of all samples together.
        held_out: length of the longest passage that held-out text of this length shares with the training text, the
            median of a few spans; None if the held-out text is too short.
        searched: characters of the training text that were searched.
        whole: whether the whole training text was searched.
    """

    passage: str
    characters: int
    held_out: int | None
    searched: int
    whole: bool


@dataclass(frozen=True)
class Source:
    """The text that a model was trained on, in which its samples are searched for copied passages.

    Args:
        tokenizer: of both texts.
        train: (N,) ids.
        held_out: (M,) ids.
    """

    tokenizer: CharTokenizer
    train: Ids
    held_out: Ids

    def overlap(self, samples: Sequence[str]) -> Overlap:
        """Returns the longest passage of one of the samples that the training text has, and that of held-out text."""
        parts = [self.tokenizer.encode(sample) for sample in samples]
        text = self.train[-MAX_CHARACTERS:]
        part, start, length = longest_shared(parts, text)
        held_out = sorted(longest_shared(span, text)[2] for span in self._held_out_spans([len(part) for part in parts]))
        return Overlap(
            self.tokenizer.decode(parts[part][start : start + length]) if length else "",
            sum(map(len, parts)),
            held_out[len(held_out) // 2] if held_out else None,
            len(text),
            len(text) == len(self.train),
        )

    def _held_out_spans(self, sizes: Sequence[int]) -> list[list[Ids]]:
        """Returns evenly spaced spans of the held-out text, each cut into parts of these sizes."""
        count = min(_SPANS, len(self.held_out) // max(1, sum(sizes)))
        cuts = np.cumsum([0, *sizes])
        starts = np.arange(count) * len(self.held_out) // max(1, count)
        return [[self.held_out[start + a : start + b] for a, b in itertools.pairwise(cuts)] for start in starts]


def longest_shared(parts: Sequence[Ids], text: Ids) -> tuple[int, int, int]:
    """Returns the longest passage of any part that occurs in a text, found by rolling hashes and then compared.

    Returns:
        (index of the part, start in the part, length); (0, 0, 0) if no character is shared.
    """
    longest = max(map(len, parts), default=0)
    powers, inverse = _powers(_BASE, _CHUNK + longest), _powers(_INVERSE, _CHUNK + longest)
    best, passages = (0, 0, 0), _Passages(parts, 1, powers, inverse)
    for begin in range(0, len(text), _CHUNK):
        chunk = text[begin : begin + _CHUNK + longest]  # a passage may begin in this chunk and end after it
        sums, starts = _prefix_sums(chunk, powers), np.arange(min(_CHUNK, len(chunk)))
        while True:
            # A start that matches no passage of this length matches no longer one: nearly all drop out at once.
            starts = starts[: np.searchsorted(starts, len(chunk) - passages.length, side="right")]
            hits, place = passages.find((sums[starts + passages.length] - sums[starts]) * inverse[starts])
            starts = starts[hits]
            if not len(starts):
                break
            (part, at), first = place, starts[0]
            if not np.array_equal(parts[part][at : at + passages.length], chunk[first : first + passages.length]):
                break  # two passages with one hash, which happens once in 2^64
            best = (part, at, passages.length)
            passages = _Passages(parts, passages.length + 1, powers, inverse)
    return best


class _Passages:
    """The hashes of all passages of one length in some parts."""

    def __init__(self, parts: Sequence[Ids], length: int, powers: _Words, inverse: _Words) -> None:
        self.length = length
        hashes, self._places = [np.zeros(0, np.uint64)], []
        for number, part in enumerate(parts):
            sums, count = _prefix_sums(part, powers), max(0, len(part) - length + 1)
            hashes.append((sums[length : length + count] - sums[:count]) * inverse[:count])
            self._places += [(number, at) for at in range(count)]
        self._hashes, self._first = np.unique(np.concatenate(hashes), return_index=True)
        self._may_match = np.zeros(1 << 16, bool)  # by the first 16 bits: a cheap filter for most of a text
        self._may_match[self._hashes >> _FIRST_BITS] = True

    def find(self, hashes: _Words) -> tuple[npt.NDArray[np.intp], tuple[int, int]]:
        """Returns which of these hashes belong to a passage, and (part, start) of the first of them."""
        hits = np.flatnonzero(self._may_match[hashes >> _FIRST_BITS])
        if not len(hits):
            return hits, (0, 0)
        found = np.searchsorted(self._hashes, hashes[hits]).clip(max=len(self._hashes) - 1)
        equal = self._hashes[found] == hashes[hits]
        return hits[equal], self._places[self._first[found[equal][0]]] if equal.any() else (0, 0)


def _powers(base: int, count: int) -> _Words:
    powers = np.full(count, base, np.uint64)
    powers[0] = 1
    return np.cumprod(powers)  # modulo 2^64


def _prefix_sums(ids: Ids, powers: _Words) -> _Words:
    """Returns (N + 1,) sums of id * power: the hash of a passage is a difference of two, scaled to power 0."""
    terms = (ids.astype(np.uint64) + np.uint64(1)) * powers[: len(ids)]
    return np.concatenate((np.zeros(1, np.uint64), np.cumsum(terms)))
