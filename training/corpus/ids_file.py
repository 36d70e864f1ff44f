"""The ids of a text in a file: written in one pass whatever the text holds, and read through a memory map.

A text may be larger than memory, and which characters it holds is known at its end only. So ids are first given in
the order in which characters come, in the narrowest number format that holds them, and put in the vocabulary's order
in the end, in place. Knows text and files; no sources, no models.
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

from ..system import release_pages

Ids = npt.NDArray[Any]
"""(N,) whole numbers; in a file uint8, uint16 or uint32, the narrowest that holds the vocabulary."""

PIECE = 1 << 20  # characters that are worked on at once
_WIDTHS = ("|u1", "<u2", "<u4")
_SMALL = 64 << 20  # bytes of a file that may stay in memory


def release(ids: Ids) -> None:
    """Gives back the memory of what was read of a large mapped file; the system reads it again when it is wanted."""
    mapped = getattr(ids, "_mmap", None)
    if isinstance(mapped, mmap.mmap) and len(mapped) > _SMALL:
        release_pages(mapped)


def open_ids(path: Path, dtype: str, count: int) -> Ids:
    """The ids (N,) in a file that an `IdsWriter` wrote, not copied into memory.

    Raises:
        ValueError: the file does not hold `count` ids of this format.
        OSError: it cannot be read.
    """
    if dtype not in _WIDTHS or path.stat().st_size != count * np.dtype(dtype).itemsize:
        raise ValueError(f"{path.name} does not hold {count:,} ids")
    return np.memmap(path, dtype, mode="r")


def texts(ids: Ids, vocab: Sequence[str]) -> Iterator[str]:
    """The text of these ids in pieces of at most `PIECE` characters."""
    codes = np.array([ord(character) for character in vocab], dtype="<u4")
    for start in range(0, len(ids), PIECE):
        yield codes[ids[start : start + PIECE]].tobytes().decode("utf-32-le")
        release(ids)


@dataclass(frozen=True)
class Written:
    """What a writer has made: `vocab` in the order of the ids, `sha256` of the text in UTF-8."""

    ids: Ids
    vocab: tuple[str, ...]
    sha256: str


@dataclass(frozen=True)
class Mark:
    """A place in a text that is being written, to go back to."""

    characters: int
    distinct: int
    digest: Any


class IdsWriter:
    """Takes a text piece by piece and leaves its ids in a file, whole or not at all.

    Args:
        path: the file; None for one that is gone with the process.
        known: characters that get the ids 0, 1, … whether they come or not; the others follow, sorted.

    Attributes:
        characters: how many were added.
    """

    def __init__(self, path: Path | None, known: Sequence[str] = ()) -> None:
        self._path = path
        self._beside = path.with_name(f".{path.name}.tmp") if path is not None else None
        self._file: IO[bytes] = (
            tempfile.TemporaryFile() if self._beside is None else self._beside.open("w+b")  # noqa: SIM115  see __exit__
        )
        self._known = tuple(known)
        self._codes: list[int] = []  # in the order in which they came
        self._table = np.full(0x110000, -1, dtype=np.int32)  # code point to its place in `_codes`
        self._dtype = np.dtype(_WIDTHS[0])
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
            if self._beside is not None:
                self._beside.unlink(missing_ok=True)

    def add(self, text: str) -> None:
        """Appends a piece.

        Raises:
            OSError: the disk is full, or worse.
        """
        self._digest.update(text.encode())
        codes = np.frombuffer(text.encode("utf-32-le"), dtype="<u4")
        ids = self._table[codes]
        if len(ids) and ids.min() < 0:
            self._learn(np.unique(codes[ids < 0]))
            ids = self._table[codes]
        self._file.write(ids.astype(self._dtype).data)
        self.characters += len(ids)

    @property
    def distinct(self) -> int:
        """How many different characters were added."""
        return len(self._codes)

    def mark(self) -> Mark:
        """Where the text ends now."""
        return Mark(self.characters, len(self._codes), self._digest.copy())

    def back_to(self, mark: Mark) -> None:
        """Forgets what came after a mark."""
        self._table[self._codes[mark.distinct :]] = -1
        del self._codes[mark.distinct :]
        self._digest = mark.digest.copy()
        self.characters = mark.characters
        self._file.seek(mark.characters * self._dtype.itemsize)
        self._file.truncate()

    def finish(self) -> Written:
        """The file gets its name, after it is safe on the disk.

        Raises:
            OSError: the disk is full, or worse.
        """
        vocab = [*self._known, *sorted({chr(code) for code in self._codes} - set(self._known))]
        self._widen_for(len(vocab))
        place = {character: index for index, character in enumerate(vocab)}
        self._rewrite(np.array([place[chr(code)] for code in self._codes], dtype=self._dtype))
        self._file.flush()
        source: IO[bytes] | Path = self._file
        if self._path is not None and self._beside is not None:
            os.fsync(self._file.fileno())
            self._file.close()  # Windows renames no open file
            self._beside.replace(self._path)
            source = self._path
        ids = np.memmap(source, self._dtype, mode="r", shape=(self.characters,))
        return Written(ids, tuple(vocab), self._digest.hexdigest())

    def _learn(self, codes: npt.NDArray[np.uint32]) -> None:
        self._table[codes] = np.arange(len(self._codes), len(self._codes) + len(codes))
        self._codes += codes.tolist()
        self._widen_for(len(self._codes))

    def _widen_for(self, distinct: int) -> None:
        """Makes the numbers wide enough for so many characters."""
        wide = next(np.dtype(width) for width in _WIDTHS if distinct <= 1 << (8 * np.dtype(width).itemsize))
        narrow = self._dtype
        if wide.itemsize <= narrow.itemsize:
            return
        # In place, from the end: what is written lies behind all that is still to be read.
        for start in reversed(range(0, self.characters, PIECE)):
            self._put(start, self._get(start, narrow).astype(wide))
        self._dtype = wide
        self._file.seek(0, os.SEEK_END)

    def _rewrite(self, table: Ids) -> None:
        """Replaces each id by what a table says."""
        if np.array_equal(table, np.arange(len(table))):
            return
        for start in range(0, self.characters, PIECE):
            self._put(start, table[self._get(start, self._dtype)])

    def _get(self, start: int, dtype: np.dtype[Any]) -> Ids:
        count = min(PIECE, self.characters - start)
        self._file.seek(start * dtype.itemsize)
        return np.frombuffer(self._file.read(count * dtype.itemsize), dtype)

    def _put(self, start: int, ids: Ids) -> None:
        self._file.seek(start * ids.dtype.itemsize)
        self._file.write(ids.data)
