"""Characters to numbers and back: one code point, one token.

Knows text only. The vocabulary is a list in config.json, so that any language can read a model's alphabet.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]


class UnknownCharacter(NamedTuple):
    """A character of a text that the vocabulary lacks, and where it first stands."""

    character: str
    position: int
    times: int


class UnknownCharactersError(ValueError):
    """A text holds characters that the model has never seen."""

    def __init__(self, unknown: Sequence[UnknownCharacter]) -> None:
        self.unknown = tuple(unknown)
        super().__init__(f"characters this model does not know: {describe_unknown(unknown)}")


class CharTokenizer:
    """A vocabulary of single code points.

    Args:
        vocab: the characters in the order of their ids: sorted when made from a text; what a model learns
            later is appended, so that old ids keep their meaning.

    Raises:
        ValueError: an entry is not one character, stands twice, or is a lone surrogate.
    """

    def __init__(self, vocab: Sequence[str]) -> None:
        check_vocab(vocab)
        self.vocab = tuple(vocab)
        codes = np.array([ord(character) for character in vocab], dtype=np.int64)
        # A table over all code points up to the highest known one: a text is looked up in one go.
        self._ids = np.full(codes.max() + 2, -1, dtype=np.int32)
        self._ids[codes] = np.arange(len(codes))
        self._codes = codes.astype("<u4")

    @classmethod
    def from_text(cls, text: str) -> CharTokenizer:
        """The characters of a text, sorted by code point."""
        return cls([chr(code) for code in np.unique(_codes(text))])

    def __len__(self) -> int:
        return len(self.vocab)

    def __contains__(self, character: object) -> bool:
        return isinstance(character, str) and len(character) == 1 and self.lookup(character)[0] >= 0

    @property
    def start_id(self) -> int:
        """What stands before a text without a beginning: a line end, else a space, else the first character."""
        return next((self.vocab.index(c) for c in "\n " if c in self.vocab), 0)

    def encode(self, text: str, unknown: Literal["raise", "skip"] = "raise") -> Ids:
        """The ids of a text, (T,) int64.

        Args:
            text: any text.
            unknown: what to do with characters outside the vocabulary; ``unknown_in`` tells which they are.

        Raises:
            UnknownCharactersError: there are such characters, and they are not to be skipped.
        """
        ids = self.lookup(text)
        known = ids >= 0
        if known.all():
            return ids
        if unknown == "raise":
            raise UnknownCharactersError(self.unknown_characters(text))
        return ids[known]

    def decode(self, ids: Sequence[int] | Ids) -> str:
        """The text of some ids.

        Raises:
            IndexError: an id is not in the vocabulary.
        """
        ids = np.asarray(ids, dtype=np.int64)
        if ids.size and (ids.min() < 0 or ids.max() >= len(self)):
            raise IndexError(f"ids must lie in 0 to {len(self) - 1}: got {ids.min()} to {ids.max()}")
        return self._codes[ids].tobytes().decode("utf-32-le")

    def in_vocab(self, text: str) -> npt.NDArray[np.bool_]:
        """(T,) bool: which characters of a text the vocabulary has."""
        return self.lookup(text) >= 0

    def unknown_characters(self, text: str) -> list[UnknownCharacter]:
        """Each distinct character that the vocabulary lacks, by where it first stands."""
        codes = _codes(text)[~self.in_vocab(text)]
        positions = np.flatnonzero(~self.in_vocab(text))
        distinct, first, counts = np.unique(codes, return_index=True, return_counts=True)
        found = [
            UnknownCharacter(chr(code), int(positions[at]), int(count))
            for code, at, count in zip(distinct, first, counts, strict=True)
        ]
        return sorted(found, key=lambda each: each.position)

    def lookup(self, text: str) -> Ids:
        """The ids of a text, (T,) int64, with -1 for each character that the vocabulary lacks."""
        # All code points above the highest known one share the last -1.
        return self._ids[np.minimum(_codes(text), len(self._ids) - 1)].astype(np.int64)


def check_vocab(vocab: object) -> None:
    """Raises ValueError, naming the first entry that is wrong, unless this is a list of distinct characters."""
    if not isinstance(vocab, list | tuple):
        raise ValueError(f"vocab must be a list of characters, not a {type(vocab).__name__}")
    if not 1 <= len(vocab) <= 0x110000:
        raise ValueError(f"vocab has {len(vocab):,} entries: it must have 1 to {0x110000:,}")
    seen: set[str] = set()
    for index, entry in enumerate(vocab):
        if not isinstance(entry, str) or len(entry) != 1:
            raise ValueError(f"vocab entry {index} is {repr(entry)[:40]}: each must be one character")
        if "\ud800" <= entry <= "\udfff":
            raise ValueError(f"vocab entry {index} is {entry!r}: half of a surrogate pair is not a character")
        if entry in seen:
            raise ValueError(f"vocab entry {index} is {entry!r}, which stands there twice")
        seen.add(entry)


def describe_unknown(unknown: Sequence[UnknownCharacter], most: int = 8) -> str:
    """Such as ``'é' (3 times), U+1F600``: for a person to read. What has no shape is named by its number."""
    names = []
    for character, _, times in unknown[:most]:
        name = repr(character) if character.isprintable() and ord(character) < 0x3000 else f"U+{ord(character):04X}"
        names.append(name if times == 1 else f"{name} ({times:,} times)")
    rest = len(unknown) - most
    return ", ".join(names) + (f" and {rest:,} more" if rest > 0 else "")


def _codes(text: str) -> npt.NDArray[np.uint32]:
    # surrogatepass: a lone surrogate from a browser is an unknown character like any other, not a crash.
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
