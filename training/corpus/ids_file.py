"""Writes the character ids of a text to a file in one pass, and reads them back through a memory map.

A text may be larger than memory, and its vocabulary is complete only at its end. So `IdsWriter` first numbers the
characters in the order in which they appear, in the narrowest integer type that holds them, and renumbers them in the
file, in vocabulary order, when the text ends. Depends on NumPy only: no sources, no models.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from ..os_calls import release_pages

Ids = npt.NDArray[Any]
"""(N,) character ids; in a file uint8, uint16 or uint32, the narrowest type that holds the vocabulary."""

RARE = "\ufffd"  # replaces all rare characters; Unicode's replacement character
RARE_SHARE = 0.001  # of a text: characters that together have a smaller share are rare
KEPT_CHARACTERS = 256  # the number of most frequent characters, which are never rare: so few cost no training time
PIECE = 1 << 20  # characters processed at once
_DTYPES = ("|u1", "<u2", "<u4")
_KEPT_IN_MEMORY = 64 << 20  # bytes; the pages of a smaller file are never dropped


def release(ids: Ids) -> None:
    """Frees the memory that the pages of a large mapped file take; the next access reads them from disk again."""
    mapped = getattr(ids, "_mmap", None)
    if isinstance(mapped, mmap.mmap) and len(mapped) > _KEPT_IN_MEMORY:
        release_pages(mapped)


def open_ids(path: Path, dtype: str, count: int) -> Ids:
    """Returns the ids (count,) in a file that `IdsWriter` wrote, memory-mapped.

    Raises:
        ValueError: the file does not hold `count` ids of type `dtype`.
        OSError: the file cannot be read.
    """
    if dtype not in _DTYPES or path.stat().st_size != count * np.dtype(dtype).itemsize:
        raise ValueError(f"{path.name} does not hold {count:,} ids of type {dtype}")
    return np.memmap(path, dtype, mode="r")


def decode_ids(ids: Ids, vocab: Sequence[str]) -> Iterator[str]:
    """Yields the text of `ids` in pieces of at most `PIECE` characters."""
    code_points = np.array([ord(character) for character in vocab], dtype="<u4")
    for start in range(0, len(ids), PIECE):
        yield code_points[ids[start : start + PIECE]].tobytes().decode("utf-32-le")
        release(ids)


@dataclass(frozen=True)
class EncodedText:
    """The result of an `IdsWriter`: `vocab` in the order of the ids, `sha256` of the text in UTF-8.

    `rare` distinct characters became RARE, in `rare_times` places of the text.
    """

    ids: Ids
    vocab: tuple[str, ...]
    sha256: str
    rare: int = 0
    rare_times: int = 0


@dataclass(frozen=True)
class Position:
    """A place in a text that is being written; `IdsWriter.truncate` returns to it."""

    characters: int
    distinct: int
    digest: Any


class IdsWriter:
    """Writes the ids of a text to a file, atomically; `add` takes the text in pieces.

    The file gets its name in `finish`, after it is closed: Windows renames no open file. Use as a context manager.

    Args:
        path: the file; None for a temporary file, which is deleted when it is no longer used.
        base_vocab: characters that get the ids 0, 1, … even if the text lacks them; new characters follow, sorted.

    Attributes:
        characters: the number of characters added so far.
    """

    def __init__(self, path: Path | None, base_vocab: Sequence[str] = ()) -> None:
        self._path = path
        self._temporary = path.with_name(f".{path.name}.tmp") if path is not None else None
        self._file: IO[bytes] = (
            tempfile.TemporaryFile() if self._temporary is None else self._temporary.open("w+b")  # noqa: SIM115  closed in __exit__
        )
        self._base_vocab = tuple(base_vocab)
        self._code_points: list[int] = []  # of the distinct characters, in the order of their first appearance
        self._index = np.full(0x110000, -1, dtype=np.int32)  # code point -> its index in `_code_points`, or -1
        self._dtype = np.dtype(_DTYPES[0])
        self._digest = hashlib.sha256()
        self.characters = 0

    def __enter__(self) -> IdsWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._file.close()
        except OSError:
            if error is None:
                raise
        finally:
            if self._temporary is not None:
                self._temporary.unlink(missing_ok=True)

    def add(self, text: str) -> None:
        """Appends a piece of text.

        Raises:
            OSError: the file cannot be written; the disk may be full.
        """
        self._digest.update(text.encode())
        code_points = np.frombuffer(text.encode("utf-32-le"), dtype="<u4")
        ids = self._index[code_points]
        if len(ids) and ids.min() < 0:
            self._add_characters(np.unique(code_points[ids < 0]))
            ids = self._index[code_points]
        self._file.write(ids.astype(self._dtype).data)
        self.characters += len(ids)

    @property
    def distinct(self) -> int:
        """The number of distinct characters added so far."""
        return len(self._code_points)

    def position(self) -> Position:
        """Returns the current end of the text."""
        return Position(self.characters, len(self._code_points), self._digest.copy())

    def truncate(self, position: Position) -> None:
        """Removes everything that was added after `position`."""
        self._index[self._code_points[position.distinct :]] = -1
        del self._code_points[position.distinct :]
        self._digest = position.digest.copy()
        self.characters = position.characters
        self._file.seek(position.characters * self._dtype.itemsize)
        self._file.truncate()

    def finish(self, *, merge_rare: bool = False, keep: str = "") -> EncodedText:
        """Renumbers the ids in vocabulary order, syncs the file to disk, renames it to `path` and maps it.

        Args:
            merge_rare: whether rare characters become RARE.
            keep: characters that are never rare.

        Raises:
            OSError: the file cannot be written; the disk may be full.
        """
        times = self._times() if merge_rare and self.distinct > KEPT_CHARACTERS else None
        rare = {} if times is None else self._rare_characters(times, {*self._base_vocab, *keep, RARE})
        new = {chr(code) for code in self._code_points} - rare.keys() | ({RARE} if rare else set())
        vocab = [*self._base_vocab, *sorted(new - set(self._base_vocab))]
        self._widen_for(len(vocab))
        new_id = {character: index for index, character in enumerate(vocab)}
        new_id |= dict.fromkeys(rare, new_id.get(RARE, 0))
        self._renumber(np.array([new_id[chr(code)] for code in self._code_points], dtype=self._dtype))
        self._narrow_for(len(vocab))
        self._file.flush()
        mapped: Path | IO[bytes] = self._file
        if self._path is not None and self._temporary is not None:
            os.fsync(self._file.fileno())
            self._file.close()
            self._temporary.replace(self._path)
            mapped = self._path
        ids = np.memmap(mapped, self._dtype, mode="r", shape=(self.characters,))
        if rare:  # the text has changed
            self._digest = hashlib.sha256()
            for piece in decode_ids(ids, vocab):
                self._digest.update(piece.encode())
        return EncodedText(ids, tuple(vocab), self._digest.hexdigest(), len(rare), sum(rare.values()))

    def _times(self) -> npt.NDArray[np.int64]:
        """Returns how often each distinct character occurs, in the order of their first appearance."""
        times = np.zeros(self.distinct, np.int64)
        for start in range(0, self.characters, PIECE):
            times += np.bincount(self._read_piece(start, self._dtype), minlength=self.distinct)
        return times

    def _rare_characters(self, times: npt.NDArray[np.int64], kept: set[str]) -> dict[str, int]:
        """Returns how often each rare character occurs.

        The least frequent characters are rare, as many as together stay below `RARE_SHARE` of the text.
        """
        order = sorted(range(self.distinct), key=lambda at: (int(times[at]), -self._code_points[at]))
        rare: dict[str, int] = {}
        left = RARE_SHARE * self.characters
        for at in order[:-KEPT_CHARACTERS]:
            character, count = chr(self._code_points[at]), int(times[at])
            if character in kept:
                continue
            left -= count
            if left <= 0:
                break
            rare[character] = count
        return rare if len(rare) > 1 else {}

    def _add_characters(self, code_points: npt.NDArray[np.uint32]) -> None:
        self._index[code_points] = np.arange(len(self._code_points), len(self._code_points) + len(code_points))
        self._code_points += code_points.tolist()
        self._widen_for(len(self._code_points))

    def _widen_for(self, distinct: int) -> None:
        """Rewrites the file with a wider integer type if `distinct` ids do not fit into the current one."""
        wide, narrow = _narrowest_dtype(distinct), self._dtype
        if wide.itemsize <= narrow.itemsize:
            return
        # From the end to the beginning: a wide piece then never overwrites a narrow one that is still to be read.
        for start in reversed(range(0, self.characters, PIECE)):
            self._write_piece(start, self._read_piece(start, narrow).astype(wide))
        self._dtype = wide
        self._file.seek(0, os.SEEK_END)

    def _narrow_for(self, distinct: int) -> None:
        """Rewrites the file with a narrower integer type if that holds the ids of `distinct` characters."""
        narrow, wide = _narrowest_dtype(distinct), self._dtype
        if narrow.itemsize >= wide.itemsize:
            return
        for start in range(0, self.characters, PIECE):
            self._write_piece(start, self._read_piece(start, wide).astype(narrow))
        self._dtype = narrow
        self._file.truncate(self.characters * narrow.itemsize)

    def _renumber(self, new_ids: Ids) -> None:
        """Replaces each id in the file by `new_ids[id]`."""
        if np.array_equal(new_ids, np.arange(len(new_ids))):
            return
        for start in range(0, self.characters, PIECE):
            self._write_piece(start, new_ids[self._read_piece(start, self._dtype)])

    def _read_piece(self, start: int, dtype: np.dtype[Any]) -> Ids:
        count = min(PIECE, self.characters - start)
        self._file.seek(start * dtype.itemsize)
        return np.frombuffer(self._file.read(count * dtype.itemsize), dtype)

    def _write_piece(self, start: int, ids: Ids) -> None:
        self._file.seek(start * ids.dtype.itemsize)
        self._file.write(ids.data)


def _narrowest_dtype(distinct: int) -> np.dtype[Any]:
    """Returns the narrowest integer type that holds the ids of `distinct` characters."""
    return next(np.dtype(dtype) for dtype in _DTYPES if distinct <= 1 << (8 * np.dtype(dtype).itemsize))
