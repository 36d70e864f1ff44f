"""Reads the files in .gz, .bz2, .xz, .zip and .tar archives.

Nothing is written to disk under a name from the archive, so a name such as ../../x does no harm. Links are left out.
"""

from __future__ import annotations

import importlib
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import BinaryIO, cast

from .limits import MAX_PARTS, Budget, PackedError

Member = tuple[str, Iterator[bytes]]
"""The path in the archive, and the content; it must be read before the next member is requested."""

_MODULES = {"gzip": "gzip", "bzip2": "bz2", "xz": "lzma"}  # a Python that was built without a library lacks its module
_SUFFIXES = {".tgz": ".tar", ".tbz2": ".tar", ".txz": ".tar", ".gz": "", ".bz2": "", ".xz": ""}


def compressed(kind: str, file: BinaryIO, name: str, budget: Budget) -> Iterator[Member]:
    """Yields the one file in a .gz, .bz2 or .xz file."""
    try:
        module = importlib.import_module(_MODULES[kind])
    except ImportError:
        raise PackedError(f"{budget.label} is a {kind} archive, which this Python cannot read: unpack it") from None
    with module.open(file) as stream:
        yield inner_name(name), budget.chunks(stream)


def inner_name(name: str) -> str:
    """Returns the name of the file in a compressed one: a.txt of a.txt.gz, a.tar of a.tgz."""
    path = PurePosixPath(name)
    suffix = path.suffix.lower()
    return name.removesuffix(path.suffix) + _SUFFIXES[suffix] if suffix in _SUFFIXES else name


def zipped(file: BinaryIO, budget: Budget) -> Iterator[Member]:
    """Yields the files in a .zip archive, in its order."""
    with zipfile.ZipFile(file) as archive:
        _check_count(len(archive.infolist()), budget)
        for info in archive.infolist():
            if not info.is_dir() and not is_hidden(info.filename):
                with archive.open(info) as stream:
                    yield info.filename, budget.chunks(cast(BinaryIO, stream))


def tarred(file: BinaryIO, budget: Budget) -> Iterator[Member]:
    """Yields the regular files in a .tar archive, in its order."""
    with tarfile.open(fileobj=file, mode="r:") as archive:
        for number, info in enumerate(archive):
            _check_count(number, budget)
            stream = archive.extractfile(info) if info.isreg() and not is_hidden(info.name) else None
            if stream is not None:
                yield info.name, budget.chunks(cast(BinaryIO, stream))


def is_hidden(path: str) -> bool:
    """Returns whether a file in an archive is hidden, or one that macOS adds."""
    parts = [part for part in path.split("/") if part not in (".", "..")]
    return any(part.startswith(".") or part == "__MACOSX" for part in parts)


def _check_count(members: int, budget: Budget) -> None:
    if members > MAX_PARTS:
        raise PackedError(f"{budget.label} holds more than {MAX_PARTS:,} files: unpack it and give the folder")
