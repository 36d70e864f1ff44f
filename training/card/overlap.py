"""Does it only copy? The longest run of what a model wrote that stands word for word in the text it was trained on.

Beside it, for scale, what held-out text of the same length shares with that text: people who write alike share idioms,
so a run that is no longer says nothing. One scan over the text in chunks, of bounded size; no index of it is kept.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model import CharTokenizer

MOST = 10_000_000  # characters of a text that are searched: its last ones
_CHUNK = 1 << 16
_PLACES = 5  # of the held-out text that is looked up for scale; the middle one counts
Ids = npt.NDArray[np.integer]
_Words = npt.NDArray[np.uint64]
_BASE = 0x9E3779B97F4A7C15  # odd, so that it has an inverse among whole numbers modulo 2^64
_INVERSE = pow(_BASE, -1, 1 << 64)
_FIRST_BITS = np.uint64(48)


@dataclass(frozen=True)
class Overlap:
    """What some samples share with a text.

    Attributes:
        passage: the longest run of them that stands in it.
        characters: all that the samples have.
        held_out: how long that run is for held-out text of this length, in the middle of a few places; None when
            the held-out text is too short to tell.
        searched: characters of the text that were searched.
        whole: whether that was all of it.
    """

    passage: str
    characters: int
    held_out: int | None
    searched: int
    whole: bool


@dataclass(frozen=True)
class Source:
    """The text that a model was trained on, with the held-out part, to look up what a model wrote.

    Args:
        tokenizer: gives both their meaning.
        train: (N,) ids.
        held_out: (M,) ids.
    """

    tokenizer: CharTokenizer
    train: Ids
    held_out: Ids

    def overlap(self, samples: Sequence[str]) -> Overlap:
        """Looks some samples up; a run does not go on from one into the next."""
        parts = [self.tokenizer.encode(sample) for sample in samples]
        text = self.train[-MOST:]
        part, start, length = longest_shared(parts, text)
        held_out = sorted(longest_shared(place, text)[2] for place in self._places([len(part) for part in parts]))
        return Overlap(
            self.tokenizer.decode(parts[part][start : start + length]) if length else "",
            sum(map(len, parts)),
            held_out[len(held_out) // 2] if held_out else None,
            len(text),
            len(text) == len(self.train),
        )

    def _places(self, sizes: Sequence[int]) -> list[list[Ids]]:
        """Groups of held-out parts of these sizes, spread evenly over that text."""
        count = min(_PLACES, len(self.held_out) // max(1, sum(sizes)))
        cuts = np.cumsum([0, *sizes])
        groups = []
        for start in np.arange(count) * len(self.held_out) // max(1, count):
            groups.append([self.held_out[start + a : start + b] for a, b in itertools.pairwise(cuts)])
        return groups


def longest_shared(parts: Sequence[Ids], text: Ids) -> tuple[int, int, int]:
    """The longest run of any part that stands in a text: found by hashes, and compared before it is believed.

    Returns:
        the part's number, where the run begins in it, and its length; (0, 0, 0) when no character is shared.
    """
    longest = max(map(len, parts), default=0)
    powers, inverse = _powers(_BASE, _CHUNK + longest), _powers(_INVERSE, _CHUNK + longest)
    best, runs = (0, 0, 0), _Runs(parts, 1, powers, inverse)
    for begin in range(0, len(text), _CHUNK):
        chunk = text[begin : begin + _CHUNK + longest]  # and as much more as a run that begins in it may need
        sums, starts = _sums(chunk, powers), np.arange(min(_CHUNK, len(chunk)))
        while True:
            # Where no run of this length begins, no longer one does: nearly every chunk is looked at once.
            starts = starts[: np.searchsorted(starts, len(chunk) - runs.length, side="right")]
            hits, where = runs.find((sums[starts + runs.length] - sums[starts]) * inverse[starts])
            starts = starts[hits]
            if not len(starts):
                break
            (part, at), there = where, starts[0]
            if not np.array_equal(parts[part][at : at + runs.length], chunk[there : there + runs.length]):
                break  # two runs of one hash, which happens once in 2^64
            best = (part, at, runs.length)
            runs = _Runs(parts, runs.length + 1, powers, inverse)
    return best


class _Runs:
    """All runs of one length in some parts, by their hashes."""

    def __init__(self, parts: Sequence[Ids], length: int, powers: _Words, inverse: _Words) -> None:
        self.length = length
        hashes, self._where = [np.zeros(0, np.uint64)], []
        for number, part in enumerate(parts):
            sums, count = _sums(part, powers), max(0, len(part) - length + 1)
            hashes.append((sums[length : length + count] - sums[:count]) * inverse[:count])
            self._where += [(number, at) for at in range(count)]
        self._hashes, self._first = np.unique(np.concatenate(hashes), return_index=True)
        self._may = np.zeros(1 << 16, bool)  # by the first bits: most of a text is told apart by one look into it
        self._may[self._hashes >> _FIRST_BITS] = True

    def find(self, hashes: _Words) -> tuple[npt.NDArray[np.intp], tuple[int, int]]:
        """Which of these hashes are of such a run, and part and place of the first of them."""
        hits = np.flatnonzero(self._may[hashes >> _FIRST_BITS])
        if not len(hits):
            return hits, (0, 0)
        found = np.searchsorted(self._hashes, hashes[hits]).clip(max=len(self._hashes) - 1)
        equal = self._hashes[found] == hashes[hits]
        return hits[equal], self._where[self._first[found[equal][0]]] if equal.any() else (0, 0)


def _powers(base: int, count: int) -> _Words:
    powers = np.full(count, base, np.uint64)
    powers[0] = 1
    return np.cumprod(powers)  # modulo 2^64


def _sums(ids: Ids, powers: _Words) -> _Words:
    """(N + 1,) sums of characters times powers, so that a run's hash is a difference, moved back to power 0."""
    return np.concatenate(
        (np.zeros(1, np.uint64), np.cumsum((ids.astype(np.uint64) + np.uint64(1)) * powers[: len(ids)]))
    )
