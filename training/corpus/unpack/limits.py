"""Limits the size of an archive's content, and explains the errors of damaged archives."""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO
from xml.parsers import expat

from model.terminal import one_line, size_text

from ..decode import CorpusError

try:
    from lzma import LZMAError
except ImportError:  # this Python was built without liblzma
    LZMAError = OSError  # type: ignore[misc,assignment]

MAX_RATIO = 200  # unpacked bytes for each packed one; text has 3 to 20, a zip bomb 1,000 and more
FREE_BYTES = 100 << 20  # every archive may unpack to this size, even with a higher ratio
MAX_DOCUMENT = 200 << 20  # bytes of a document that is parsed in memory
MAX_PARTS = 100_000  # files in an archive
CHUNK = 1 << 20  # bytes
# What the libraries raise for damaged, encrypted or unknown content. RuntimeError: an encrypted zip archive.
DAMAGED = (
    *(OSError, EOFError, zlib.error, LZMAError, zipfile.BadZipFile, tarfile.TarError, expat.ExpatError),
    *(RuntimeError, NotImplementedError, UnicodeError, ValueError, KeyError, IndexError, OverflowError),
)


class PackedError(CorpusError):
    """An archive or a document cannot be unpacked; in a folder it is left out."""


class TooMuchError(PackedError):
    """An archive unpacks to more than its limit; all of it is left out."""


class Budget:
    """Counts the unpacked bytes of one archive.

    Args:
        label: the archive in errors.
        packed: its size in bytes.
    """

    def __init__(self, label: str, packed: int) -> None:
        self.label = label
        self._left = self._limit = max(FREE_BYTES, MAX_RATIO * packed)

    def spend(self, count: int) -> None:
        """Counts unpacked bytes; raises TooMuchError once they exceed the limit."""
        self._left -= count
        if self._left < 0:
            raise TooMuchError(
                f"{self.label} unpacks to more than {size_text(self._limit)}, over {MAX_RATIO} times its size: unpack "
                "it yourself and give the text inside, if it is what you expect"
            )

    def chunks(self, stream: BinaryIO) -> Iterator[bytes]:
        """Yields a stream of unpacked bytes; CorpusError if it is damaged or too long."""
        try:
            while chunk := stream.read(CHUNK):
                self.spend(len(chunk))
                yield chunk
        except CorpusError:
            raise
        except DAMAGED as error:
            raise damaged(self.label, error) from error

    def whole(self, stream: BinaryIO) -> bytes:
        """Returns all bytes of a stream; CorpusError if there are too many to parse."""
        parts, size = [], 0
        for chunk in self.chunks(stream):
            size += len(chunk)
            if size > MAX_DOCUMENT:
                raise PackedError(f"{self.label} holds a document of more than {size_text(MAX_DOCUMENT)}: split it")
            parts.append(chunk)
        return b"".join(parts)


def damaged(label: str, error: Exception) -> PackedError:
    """Returns the error for content that cannot be unpacked."""
    if isinstance(error, RuntimeError) and "password" in str(error).lower():
        return PackedError(f"{label} is protected by a password: unpack it and give the text inside")
    reason = one_line(str(error), 100) or type(error).__name__
    return PackedError(f"{label} cannot be unpacked ({reason}): it may be damaged; give the text inside")
