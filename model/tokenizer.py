"""A vocabulary of single characters: one code point is one token.

The vocabulary is a list in config.json, so that programs in any language can read it.

Shapes: T characters of a text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]
_NAMED = 8  # unknown characters that a message names


class UnknownCharacter(NamedTuple):
    """A character of a text that is not in the vocabulary, its first position and how often it occurs."""

    character: str
    position: int
    times: int


class UnknownCharactersError(ValueError):
    """A text has characters that are not in the vocabulary.

    Attributes:
        unknown: the characters, in the order of their first positions.
    """

    def __init__(self, unknown: Sequence[UnknownCharacter]) -> None:
        self.unknown = tuple(unknown)
        super().__init__(f"characters that this model does not know: {describe_unknown(unknown)}")


class CharTokenizer:
    """A vocabulary of single code points.

    Args:
        vocab: the characters in the order of their ids. `from_text` sorts them; fine-tuning appends new characters,
            so that the ids of the old ones do not change.
        rare: the entry that replaces all rare characters of the training text, if any. A model predicts it, but never
            writes it.

    Raises:
        ValueError: an entry is not one character, occurs twice, or is half of a surrogate pair; or `rare` is not an
            entry.
    """

    def __init__(self, vocab: Sequence[str], rare: str | None = None) -> None:
        _check_vocab(vocab)
        if rare is not None and rare not in vocab:
            raise ValueError(f"rare is {repr(rare)[:40]}: it must be an entry of vocab")
        self.vocab = tuple(vocab)
        self.rare = rare
        self.rare_id = None if rare is None else self.vocab.index(rare)
        codes = np.array([ord(character) for character in vocab], dtype=np.int64)
        # A table from code points to ids, up to the highest code point of the vocabulary; its last entry is -1.
        self._ids = np.full(codes.max() + 2, -1, dtype=np.int32)
        self._ids[codes] = np.arange(len(codes))
        self._codes = codes.astype("<u4")

    @classmethod
    def from_text(cls, text: str) -> CharTokenizer:
        """Returns the vocabulary of a text: its characters, sorted by code point."""
        return cls([chr(code) for code in np.unique(_codes(text))])

    def __len__(self) -> int:
        return len(self.vocab)

    @property
    def start_id(self) -> int:
        """The id of the character that is read before a text: a line end, else a space, else the first character."""
        return next((self.vocab.index(c) for c in "\n " if c in self.vocab), 0)

    def encode(self, text: str, unknown: Literal["raise", "skip"] = "raise") -> Ids:
        """Returns the ids of a text, (T,) int64.

        Characters that are not in the vocabulary raise UnknownCharactersError, or are omitted if `unknown` is "skip".
        """
        ids = self.lookup(text)
        is_known = ids >= 0
        if is_known.all():
            return ids
        if unknown == "raise":
            raise UnknownCharactersError(self.unknown_characters(text))
        return ids[is_known]

    def decode(self, ids: Sequence[int] | Ids) -> str:
        """Returns the text of ids; raises IndexError if one is not in the vocabulary."""
        ids = np.asarray(ids, dtype=np.int64)
        if ids.size and (ids.min() < 0 or ids.max() >= len(self)):
            raise IndexError(f"ids are {ids.min()} to {ids.max()}: they must be 0 to {len(self) - 1}")
        return self._codes[ids].tobytes().decode("utf-32-le")

    def in_vocab(self, text: str) -> npt.NDArray[np.bool_]:
        """Returns whether each character of a text is in the vocabulary, (T,) bool."""
        return self.lookup(text) >= 0

    def unknown_characters(self, text: str) -> list[UnknownCharacter]:
        """Returns each distinct character of a text that is not in the vocabulary, by first position."""
        positions = np.flatnonzero(~self.in_vocab(text))
        distinct, first, counts = np.unique(_codes(text)[positions], return_index=True, return_counts=True)
        unknown = [
            UnknownCharacter(chr(code), int(positions[at]), int(count))
            for code, at, count in zip(distinct, first, counts, strict=True)
        ]
        return sorted(unknown, key=lambda each: each.position)

    def lookup(self, text: str) -> Ids:
        """Returns the ids of a text, (T,) int64, with -1 for characters that are not in the vocabulary."""
        return self._ids[np.minimum(_codes(text), len(self._ids) - 1)].astype(np.int64)


def _check_vocab(vocab: object) -> None:
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
            raise ValueError(f"vocab entry {index} is {entry!r}, which occurs twice")
        seen.add(entry)


def describe_unknown(unknown: Sequence[UnknownCharacter]) -> str:
    """Returns a list for people, such as `'é' (3 times), U+1F600`; unprintable characters appear as code points."""
    names = []
    for character, _, times in unknown[:_NAMED]:
        # Fonts may lack the shape of other characters.
        is_shown = character.isprintable() and ord(character) < 0x3000
        name = repr(character) if is_shown else f"U+{ord(character):04X}"
        names.append(name if times == 1 else f"{name} ({times:,} times)")
    rest = len(unknown) - _NAMED
    return ", ".join(names) + (f" and {rest:,} more" if rest > 0 else "")


def _codes(text: str) -> npt.NDArray[np.uint32]:
    if not isinstance(text, str):
        raise TypeError(f"the text is a {type(text).__name__}: it must be a str")
    # surrogatepass: half of a surrogate pair, which browsers may send, is an unknown character and no error.
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
