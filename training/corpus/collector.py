"""Collects the files of all sources into one text, and lists the files that are left out, with the reasons.

A file that the user named must be text. Of a folder, a glob or an archive the text files are read; hidden, binary,
empty, unreadable and wrongly encoded files and links are left out and listed. Files with equal texts are read once:
otherwise the validation split would repeat training text.
"""

from __future__ import annotations

import hashlib
import itertools
import posixpath
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import IO

from model.terminal import one_line, size_text

from .chats.reader import ChatReader, chat_kind
from .decode import CorpusError, LeftOutError, Reading, decode, not_text, web_encoding
from .sources import SourceFile, SourceFiles
from .unpack import SNIFFED_BYTES, file_kind, page_encoding, page_text, parts_of, whole

Progress = Callable[[str, int, "int | None"], None]
"""Called as (label, bytes read, bytes in total if known) for each megabyte of a file."""

_CHAT_SAMPLE = 10_000  # characters at the beginning of a file that are searched for the signs of a chat export
_MAX_DEPTH = 4  # archives in archives
_LISTED = 5  # names of files that are listed for each reason
_EMPTY, _COPY = "empty", "equal to another file"  # reasons for which a file is left out


@dataclass(kw_only=True)
class Collector:
    """Collects the text of one corpus, and its warnings."""

    text: IO[bytes]  # the file of the text, in UTF-8
    reading: Reading
    progress: Progress | None
    max_bytes: int  # limit of the text in UTF-8
    chat: ChatReader | None  # None to read files as they are
    files: dict[bytes, tuple[str, int]] = field(default_factory=dict)
    """The base names of the files, and the lines of the text (counted from 1) at which they begin, by their SHA-256."""
    _end: int = 0  # of the text of these files, in bytes
    _line: int = 1  # at which the next one begins
    _has_text: bool = False  # whether the source that is read has text, or a copy of it
    _warnings: list[str] = field(default_factory=list)
    _left_out: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # names of files, by reason

    def read(self, source: SourceFiles) -> None:
        """Adds the text of a source.

        Raises:
            CorpusError: the source has no text, or cannot be read. An empty file that the user named is only a warning.
        """
        for reason, paths in source.left_out.items():
            self._left_out[reason] += [path.name for path in sorted(paths)]
        self._has_text = False
        for file in source.files:
            self._read_file(file, self._watched(file))
        if not self._has_text:
            left_out = f" (left out: {listed})" if (listed := self._left_out_text()) else ""
            raise CorpusError(f"{one_line(source.typed)} holds no text{left_out}: give text files in UTF-8")

    def finish(self) -> list[str]:
        """Returns the warnings; CorpusError if all files were empty."""
        left_out = self._left_out_text()
        if not self.files:
            raise CorpusError(f"there is no text (left out: {left_out}): give a file with text in it")
        return [*self._warnings, f"left out of the text: {left_out}"] if left_out else self._warnings

    def _watched(self, file: SourceFile) -> Iterator[bytes]:
        """Yields the content of a file and reports progress."""
        done = 0
        for chunk in file.read(file):
            done += len(chunk)
            if self.progress is not None:
                self.progress(file.label, done, file.size)
            yield chunk

    def _read_file(self, file: SourceFile, chunks: Iterator[bytes], depth: int = 0, is_text: bool = False) -> None:
        """Adds the text of a file or of the files in an archive.

        A file that the user did not name is left out if it cannot be read.

        Args:
            depth: the number of archives around it.
            is_text: whether the content is text in UTF-8 that was made from a document.
        """
        try:
            head = next(chunks, b"")
            self._read_content(file, itertools.chain([head], chunks), head[:SNIFFED_BYTES], depth, is_text)
        except LeftOutError as error:
            if not (file.found or error.reason in (_COPY, _EMPTY)):
                raise
            self._left_out[error.reason].append(file.name)
            self.text.seek(self._end)
            self.text.truncate()
            self._has_text |= error.reason == _COPY or not file.found

    def _read_content(self, file: SourceFile, chunks: Iterator[bytes], head: bytes, depth: int, is_text: bool) -> None:
        # The headers of a response show that it is HTML; of a local file only the name shows it.
        kind = None if is_text else file_kind(head, "page.html" if file.is_web_page else file.name)
        if kind is None:
            self._add_text(file, chunks, is_text)
        elif not kind.unpack or depth == _MAX_DEPTH:
            raise not_text(file.label, kind.what, kind.advice)
        elif kind.unpack == "html":
            self._add_text(file, [self._page(file, chunks)], is_text=True)
        else:
            self._unpack(kind.unpack, file, chunks, depth)

    def _unpack(self, kind: str, file: SourceFile, chunks: Iterator[bytes], depth: int) -> None:
        with tempfile.TemporaryFile() as packed:
            for chunk in chunks:
                packed.write(chunk)
                self._check_size(file.label, packed.tell())
            for part in parts_of(kind, packed, file.name, file.label):
                path = one_line(part.path)
                is_single = part.is_text or kind not in ("zip", "tar")
                inner = replace(
                    file,
                    label=file.label if is_single else f"{file.label}/{path}",
                    name=posixpath.basename(path) or file.name,
                    found=file.found or not is_single,
                    charset="",
                    is_web_page=False,
                )
                self._read_file(inner, iter(part.chunks), depth + 1, part.is_text)

    def _page(self, file: SourceFile, chunks: Iterable[bytes]) -> bytes:
        """Returns the text of a web page in UTF-8."""
        page = whole(chunks, file.label)
        encoding = web_encoding(file.charset) or page_encoding(page) or self.reading.encoding
        text = "".join(decode([page], file.label, self.reading.errors, encoding))
        return page_text(text).encode("utf-8", "replace")

    def _add_text(self, file: SourceFile, chunks: Iterable[bytes], is_text: bool) -> None:
        """Adds the text of one file; LeftOutError if it is empty, a copy, or no text."""
        encoding = None if is_text else self.reading.encoding or web_encoding(file.charset)
        pieces = decode(chunks, file.label, self.reading.errors, encoding)
        if self.chat is not None and (export := "".join(pieces)):
            try:
                pieces = iter([self.chat.read(export, file.label)])
            except CorpusError as error:
                raise LeftOutError(str(error), "without messages") from error
        digest, beginning, lines = hashlib.sha256(), "", 0
        for text in pieces:
            if text and not beginning and self.files:
                self.text.write(b"\n")
            beginning = beginning or text[:_CHAT_SAMPLE]
            self.text.write(text.encode())
            self._check_size(file.label, self.text.tell())
            digest.update(text.encode())
            lines += text.count("\n")
        if not beginning:
            raise LeftOutError(f"{file.label} is empty", _EMPTY)
        if digest.digest() in self.files:
            raise LeftOutError(f"{file.label} is a copy", _COPY)
        self.files[digest.digest()] = (file.name, self._line)
        self._end, self._line, self._has_text = self.text.tell(), self._line + lines + 1, True
        if self.chat is None and (kind := chat_kind(beginning)):
            self._warnings.append(f"{file.label} looks like {kind}: use --chat to read it as turns without dates")

    def _check_size(self, label: str, size: int) -> None:
        if size > self.max_bytes:
            raise CorpusError(
                f"{label} is too large: the disk of the run has room for {size_text(self.max_bytes)}: free some space, "
                "choose another disk with --out, or give a part of the text"
            )

    def _left_out_text(self) -> str:
        parts = []
        for reason, names in self._left_out.items():
            listed = ", ".join(one_line(name, 60) for name in names[:_LISTED]) + (", …" if len(names) > _LISTED else "")
            parts.append(f"{len(names):,} {reason} ({listed})")
        return ", ".join(parts)
