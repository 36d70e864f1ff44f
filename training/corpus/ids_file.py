"""Writes the character ids of a text to a file and reads them back through a memory map.

A text may be larger than memory, and its vocabulary is complete only at its end. So the text is first a temporary file
in UTF-8. Depends on NumPy only: no sources, no models.
"""

from __future__ import annotations

import codecs
import hashlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from model.files import atomic_path

Ids = npt.NDArray[Any]
"""(N,) character ids; in a file uint8, uint16 or uint32, the narrowest type that holds the vocabulary."""

RARE = "\ufffd"  # replaces all rare characters; Unicode's replacement character
RARE_SHARE = 0.001  # of a text: characters that together have a smaller share are rare
KEPT_CHARACTERS = 256  # the number of most frequent characters, which are never rare: so few cost no training time
PIECE = 1 << 20  # characters processed at once
_DTYPES = ("|u1", "<u2", "<u4")


def open_ids(path: Path, dtype: str, count: int) -> Ids:
    """Returns the ids (count,) in a file that `write_ids` wrote, memory-mapped; ValueError if it holds others."""
    if dtype not in _DTYPES or path.stat().st_size != count * np.dtype(dtype).itemsize:
        raise ValueError(f"{path.name} does not hold {count:,} ids of type {dtype}")
    return np.memmap(path, dtype, mode="r")


def decode_ids(ids: Ids, vocab: Sequence[str]) -> Iterator[str]:
    """Yields the text of `ids` in pieces of at most `PIECE` characters."""
    code_points = np.array([ord(character) for character in vocab], dtype="<u4")
    for start in range(0, len(ids), PIECE):
        yield code_points[ids[start : start + PIECE]].tobytes().decode("utf-32-le")


@dataclass(frozen=True, kw_only=True)
class EncodedText:
    """A text whose ids are in a file."""

    ids: Ids = field(repr=False, compare=False)  # (N,) indices into `vocab`, memory-mapped from a file
    vocab: tuple[str, ...] = field(repr=False)  # the base vocabulary, then the other characters, sorted
    sha256: str  # of the text in UTF-8
    rare: int = 0  # how many distinct characters became RARE
    rare_times: int = 0  # how often these characters occur


def write_ids(
    text: IO[bytes], path: Path | None, base_vocab: Sequence[str] = (), *, merge_rare: bool = False, keep: str = ""
) -> EncodedText:
    """Writes the ids of a text in vocabulary order to a file, atomically, and maps it.

    Args:
        path: the file of the ids; None for a temporary one, which is deleted when it is no longer used.
        base_vocab: characters that get the ids 0, 1, … even if the text lacks them; new characters follow, sorted.
    """
    counts = np.zeros(0x110000, np.int64)
    for codes in _pieces(text):
        counts += np.bincount(codes, minlength=len(counts))
    times = {chr(code): int(counts[code]) for code in np.flatnonzero(counts)}
    rare = _rare_characters(times, {*base_vocab, *keep, RARE}) if merge_rare else {}
    new = times.keys() - rare.keys() | ({RARE} if rare else set())
    vocab = (*base_vocab, *sorted(new - {*base_vocab}))
    dtype = next(dtype for dtype in _DTYPES if len(vocab) <= 1 << (8 * np.dtype(dtype).itemsize))
    new_id = np.zeros(len(counts), dtype)
    new_id[[ord(character) for character in vocab]] = np.arange(len(vocab))
    if rare:
        new_id[[ord(character) for character in rare]] = new_id[ord(RARE)]
    ids = _write((new_id[codes] for codes in _pieces(text)), path, dtype, sum(times.values()))
    digest = hashlib.sha256()
    for piece in decode_ids(ids, vocab):
        digest.update(piece.encode())
    return EncodedText(ids=ids, vocab=vocab, sha256=digest.hexdigest(), rare=len(rare), rare_times=sum(rare.values()))


def _pieces(text: IO[bytes]) -> Iterator[npt.NDArray[np.uint32]]:
    """Yields the code points of a text in UTF-8, at most `PIECE` at a time."""
    text.seek(0)
    for piece in codecs.iterdecode(iter(partial(text.read, PIECE), b""), "utf-8"):
        yield np.frombuffer(piece.encode("utf-32-le"), "<u4")


def _write(pieces: Iterator[Ids], path: Path | None, dtype: str, count: int) -> Ids:
    """Writes pieces of ids to the file at `path`, or a temporary one; returns all (count,), mapped."""
    if path is None:
        with tempfile.TemporaryFile() as file:
            for piece in pieces:
                file.write(piece.data)
            return np.memmap(file, dtype, mode="r", shape=(count,))
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        for piece in pieces:
            file.write(piece.data)
    return open_ids(path, dtype, count)


def _rare_characters(times: Mapping[str, int], kept: set[str]) -> dict[str, int]:
    """Returns how often each rare character occurs.

    The least frequent characters are rare, as many as together stay below `RARE_SHARE` of the text.
    """
    rare: dict[str, int] = {}
    left = RARE_SHARE * sum(times.values())
    for character in sorted(times, key=lambda each: (times[each], -ord(each)))[:-KEPT_CHARACTERS]:
        if character in kept:
            continue
        left -= times[character]
        if left <= 0:
            break
        rare[character] = times[character]
    return rare if len(rare) > 1 else {}
