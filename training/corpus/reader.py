"""Reads the sources that a user types into one text, whose character ids are written to a file.

A source is a file, a folder, a glob, `-` (standard input), `http(s)://…` or `hf://datasets/OWNER/NAME/PATH`. Without
sources the text is Python's own documentation. Files keep the order in which they were typed; the files of a folder
or a glob are sorted by path. They are joined with one line end between them: `"\\n".join(files)`.

A file that the user named must be text. Of a folder, a glob or an archive the text files are read; hidden, binary,
empty, unreadable and wrongly encoded files and links are left out and listed. Files with equal texts are read once:
otherwise the validation split would repeat training text.

Each file is read once, from beginning to end, in pieces: a text may be larger than memory, and standard input can be
read only once. A Corpus is stored in run folders and model cards, so its fields hold base names, never full paths.
"""

from __future__ import annotations

import hashlib
import itertools
import posixpath
import shutil
import tempfile
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from model.files import FULL_DISK
from model.terminal import one_line, size_text

from .chats.reader import ChatReader, chat_kind
from .decode import CorpusError, LeftOutError, Reading, decode, not_text, web_encoding
from .ids_file import EncodedText, decode_ids, write_ids
from .sources import SourceFile, expand, name_of
from .unpack import SNIFFED_BYTES, file_kind, page_encoding, page_text, parts_of, whole

Progress = Callable[[str, int, "int | None"], None]
"""Called as (label, bytes read, bytes in total if known) for each megabyte of a file."""

PYTHON_DOCS = "python-docs"
_CHAT_SAMPLE = 10_000  # characters at the beginning of a file that are searched for the signs of a chat export
_MAX_DEPTH = 4  # archives in archives
_LISTED = 5  # names of files that are listed for each reason
_EMPTY, _COPY = "empty", "equal to another file"  # reasons for which a file is left out
_KEPT_FREE = 100_000_000  # bytes of disk that a text leaves for checkpoints; on a small disk, half of it


@dataclass(frozen=True, kw_only=True)
class Corpus(EncodedText):
    """One text and its origin; all fields except `warnings` may be published."""

    name: str  # made from the base names of the sources; valid as the name of a folder or a repo
    files: tuple[str, ...]  # the base name of each file, in the order of the text
    first_lines: tuple[int, ...] = field(repr=False)  # of each file: the line of the text, from 1, at which it begins
    warnings: tuple[str, ...] = ()  # one line each, for the user; they name files as typed, so they are not published

    @property
    def characters(self) -> int:
        """The length of the text."""
        return len(self.ids)

    @property
    def text(self) -> str:
        """The whole text in memory, for texts that are known to be small; otherwise use `pieces`."""
        return "".join(self.pieces())

    def pieces(self) -> Iterator[str]:
        """Yields the text in pieces of about a million characters."""
        return decode_ids(self.ids, self.vocab)

    def head(self, characters: int) -> str:
        """Returns the first `characters` characters of the text."""
        return "".join(decode_ids(self.ids[:characters], self.vocab))

    def locate(self, line: int) -> tuple[str, int]:
        """Returns (file, line in that file) for a line of the text; both lines are counted from 1."""
        index = max(bisect_right(self.first_lines, line) - 1, 0)
        return self.files[index], line - self.first_lines[index] + 1


def corpus_name(sources: Sequence[str]) -> str:
    """Returns the name that the corpus of these sources gets."""
    if not sources:
        return PYTHON_DOCS
    return name_of(sources[0]) + (f"-and-{len(sources) - 1}-more" if len(sources) > 1 else "")


def read_corpus(
    sources: Sequence[str] = (),
    *,
    path: Path | None = None,
    base_vocab: Sequence[str] = (),
    reading: Reading = Reading(merge_rare=False),  # noqa: B008  frozen
    progress: Progress | None = None,
    chat: ChatReader | None = None,
) -> Corpus:
    """Reads `sources` into one text.

    Args:
        path: file for the ids, replaced when the whole text is read; None for a temporary file.
        base_vocab: characters that get the ids 0, 1, … even if the text lacks them.
        reading: how bytes become text, and whether rare characters share one id.
        chat: turns each file, which must be a chat export, into text; None to read files as they are.

    Raises:
        CorpusError: a source cannot be read, or the ids cannot be written. The message is one line.
    """
    # Before any download: a typing error then costs no time.
    expanded = [(typed, expand(typed)) for typed in sources]
    if not sources:
        expanded = [("", [SourceFile(label=PYTHON_DOCS, name=PYTHON_DOCS, read=_python_docs)])]
    free = free_bytes(path)
    try:
        with tempfile.TemporaryFile(dir=path.parent if path else None) as text:
            collector = _Collector(text=text, reading=reading, progress=progress, max_bytes=free, chat=chat)
            for typed, files in expanded:
                collector.read(typed, files)
            warnings = collector.finish()
            keep = "\n: " + "".join(chat.names.values()) if chat else "\n"  # the format of a chat needs them
            encoded = write_ids(text, path, base_vocab, merge_rare=reading.merge_rare, keep=keep)
    except OSError as error:  # from writing; errors of reading are CorpusErrors already
        is_full = error.errno in FULL_DISK
        advice = "free some disk space, or choose another disk with --out" if is_full else "choose another --out"
        where = "a temporary file" if path is None else one_line(str(path.parent))
        reason = error.strerror or type(error).__name__
        raise CorpusError(f"the text cannot be written to {where} ({reason}): {advice}") from error
    return Corpus(
        **vars(encoded),
        name=corpus_name(sources),
        files=tuple(name for name, _ in collector.files.values()),
        first_lines=tuple(line for _, line in collector.files.values()),
        warnings=tuple(warnings),
    )


def free_bytes(path: Path | None) -> int:
    """Returns how many bytes of text fit on the disk, once as UTF-8 and once as ids, which need seldom more."""
    folder = Path(tempfile.gettempdir()) if path is None else path.parent
    free = shutil.disk_usage(folder).free
    return (free - min(_KEPT_FREE, free // 2)) // 2


def _python_docs(_: SourceFile) -> Generator[bytes]:
    try:
        from pydoc_data.topics import topics
    except ImportError:  # some Linux distributions have it in a package of its own
        raise CorpusError("this Python has no documentation (the module pydoc_data): give a TEXT") from None
    # Each topic begins with its underlined title; joined like files, topics are separated by a blank line.
    yield "\n".join(topics[key] for key in sorted(topics)).encode()


@dataclass(kw_only=True)
class _Collector:
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

    def read(self, typed: str, files: Sequence[SourceFile]) -> None:
        """Adds the text of a source, as it was typed and its files.

        Raises:
            CorpusError: the source has no text, or cannot be read. An empty file that the user named is only a warning.
        """
        self._has_text = False
        for file in files:
            self._read_file(file, self._watched(file))
        if not self._has_text:
            left_out = f" (left out: {listed})" if (listed := self._left_out_text()) else ""
            raise CorpusError(f"{one_line(typed)} holds no text{left_out}: give text files in UTF-8")

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
            chunks = itertools.chain([head], chunks)
            # The headers of a response show that it is HTML; of a local file only the name shows it.
            name = "page.html" if file.is_web_page else file.name
            kind = None if is_text else file_kind(head[:SNIFFED_BYTES], name)
            if kind is None:
                self._add_text(file, chunks, is_text)
            elif not kind.unpack or depth == _MAX_DEPTH:
                raise not_text(file.label, kind.what, kind.advice)
            elif kind.unpack == "html":
                self._add_text(file, [self._page(file, chunks)], is_text=True)
            else:
                self._unpack(kind.unpack, file, chunks, depth)
        except LeftOutError as error:
            if not (file.found or error.reason in (_COPY, _EMPTY)):
                raise
            self._left_out[error.reason].append(file.name)
            self.text.seek(self._end)
            self.text.truncate()
            self._has_text |= error.reason == _COPY or not file.found

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
