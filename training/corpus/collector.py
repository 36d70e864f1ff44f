"""Collects the files of all sources into one text, and lists the files that are left out, with the reasons.

A file that the user named must be text. Of a folder, a glob or an archive the text files are read; hidden, binary,
empty, unreadable and wrongly encoded files and links that lead out of the folder are left out and listed. Files with
equal contents are read once: otherwise the validation split would repeat training text.
"""

from __future__ import annotations

import hashlib
import itertools
import posixpath
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol, cast

from model.terminal import one_line

from .chats.format_list import chat_kind
from .decode import CorpusError, EncodingError, NotTextError, Reading, decode
from .download import Facts, Progress, limit_bytes
from .encodings import web_encoding
from .file_kinds import SNIFFED_BYTES
from .ids_file import IdsWriter
from .sources import SourceFile, SourceFiles, UnreadableError
from .unpack.limits import PackedError, TooMuchError
from .unpack.parts import kind_of, parts_of


class ChatParser(Protocol):
    """Turns chat exports into text, see `chats.reader.ChatReader`."""

    def read(self, text: str, label: str) -> str:
        """Returns the turns of the export in a file as text. Raises CorpusError if it is none."""

    def position(self) -> int:
        """Returns the number of files read so far."""

    def truncate(self, position: int) -> None:
        """Forgets the files that were read after this position."""


_CHAT_SAMPLE = 10_000  # characters at the beginning of a file that are searched for the signs of a chat export
_MAX_DEPTH = 4  # archives in archives
_LISTED = 5  # names of files that are listed for each reason
_COUNTED = ("hidden", "empty")  # reasons without the names of the files
_OUTSIDE = "links that lead out of the folder"
_BROKEN = "broken links"
_COPIES = "copies of other files"
_SINGULAR = {
    _OUTSIDE: "link that leads out of the folder",
    _COPIES: "copy of another file",
    _BROKEN: "broken link",
}


class _Leaf(NamedTuple):
    """A file to read: of a source, or inside an archive.

    Attributes:
        label: its name in messages.
        name: its base name.
        chunks: its content.
        found: whether it is from a folder, a glob or an archive, and may be left out; False if the user named it.
        facts: what its server says of it.
        depth: the number of archives around it.
        is_text: whether `chunks` are text in UTF-8 that was made from a document.
    """

    label: str
    name: str
    chunks: Iterator[bytes]
    found: bool
    facts: Facts = Facts()
    depth: int = 0
    is_text: bool = False


class Collector:
    """Collects the text of one corpus, and its warnings.

    Attributes:
        files: the base name of each file, in the order of the text.
        first_lines: for each file, the line of the text at which it begins.
    """

    def __init__(
        self,
        writer: IdsWriter,
        reading: Reading,
        progress: Progress | None,
        max_bytes: int,
        chat: ChatParser | None,
    ) -> None:
        self._chat_parser = chat
        self._writer = writer
        self._reading = reading
        self._progress = progress
        self._bytes_left = max_bytes
        self.files: list[str] = []
        self.first_lines: list[int] = []
        self._next_line = 1
        self._warnings: list[str] = []
        self._paths: set[Path] = set()
        self._contents: dict[bytes, str] = {}  # the first file with each content, by SHA-256
        self._left_out: dict[str, list[str]] = {}  # names of files that were not read, by reason
        self._proposals: dict[str, str] = {}  # a sample line by the encoding that it seems to have

    def read(self, source: SourceFiles, only_source: bool) -> None:
        """Adds the text of a source. An empty file beside other sources is only a warning.

        Raises:
            CorpusError: the source has no text, or cannot be read.
        """
        self._warnings += source.warnings
        reasons = {
            "hidden": source.hidden,
            "binary": source.binary,
            _BROKEN: source.broken,
            "unreadable": source.unreadable,
            _OUTSIDE: source.outside,
        }
        for reason, paths in reasons.items():
            for path in sorted(paths):
                self._leave_out(reason, path.name)
        before = sum(map(len, self._left_out.values()))
        has_text = [self._read_source_file(file) for file in source.files]
        if any(has_text):
            return
        is_named_file = len(source.files) == 1 and not source.files[0].found
        if not is_named_file or sum(map(len, self._left_out.values())) > before:
            left_out = f" (left out: {counts})" if (counts := self._left_out_text()) else ""
            label = one_line(source.typed)
            raise CorpusError(f"{label} holds no text{left_out}: give a folder with text files in UTF-8")
        if only_source:
            raise CorpusError(f"{source.files[0].label} is empty: give a file with text in it")
        self._warnings.append(f"{source.files[0].label} is empty")

    def _read_source_file(self, file: SourceFile) -> bool:
        """Adds the text of a file; returns whether it has any."""
        if file.path is not None and file.path in self._paths:
            self._warnings.append(f"{file.label} was given twice and is read once")
            return True
        with closing(file.read(self._bytes_left, self._progress)) as chunks:
            leaf = _Leaf(file.label, file.name, self._counted(chunks), file.found, file.facts)
            has_text = self._read_leaf(leaf)
        if has_text and file.path is not None:
            self._paths.add(file.path)
        return has_text

    def _read_leaf(self, leaf: _Leaf) -> bool:
        """Adds the text of a file or of the files in an archive; returns whether there is any.

        A file that the user did not name is left out if it is not text.
        """
        before, bytes_left = self._writer.position(), self._bytes_left
        count, next_line, contents = len(self.files), self._next_line, len(self._contents)
        chats = self._chat_parser.position() if self._chat_parser else 0
        try:
            head, chunks = _peek(leaf.chunks)
            leaf = leaf._replace(chunks=chunks)
            # The headers of a response show that it is HTML; of a local file only the name shows it.
            name = "page.html" if leaf.facts.is_web_page else leaf.name
            kind = None if leaf.is_text or leaf.depth == _MAX_DEPTH else kind_of(head, name)
            return self._read_parts(kind, leaf) if kind is not None else self._read_text(leaf)
        except _CopyError as copy:
            if leaf.found:
                self._leave_out(_COPIES, leaf.name)
            else:
                self._warnings.append(f"{leaf.label} has the same content as {copy.first} and is read once")
        except CorpusError as error:
            is_bomb = isinstance(error, TooMuchError) and leaf.depth > 0  # the whole archive is left out
            if is_bomb or not leaf.found or (reason := self._reason(error)) is None:
                raise
            self._leave_out(reason, leaf.name)
        self._writer.truncate(before)
        if self._chat_parser:
            self._chat_parser.truncate(chats)
        self._bytes_left = bytes_left
        del self.files[count:], self.first_lines[count:]
        while len(self._contents) > contents:
            self._contents.popitem()
        self._next_line = next_line
        return False

    def _reason(self, error: CorpusError) -> str | None:
        """Returns the reason for which a file with this error is left out; None if the error ends the reading."""
        if isinstance(error, EncodingError):
            if error.proposal:
                self._proposals.setdefault(*error.proposal)
            return "not UTF-8"
        return next((reason for kind, reason in _REASONS.items() if isinstance(error, kind)), None)

    def _read_parts(self, kind: str, leaf: _Leaf) -> bool:
        """Adds the texts in an archive, a document or a table; returns whether there are any."""
        bytes_left = self._bytes_left
        with tempfile.TemporaryFile() as temporary:
            file = cast(BinaryIO, temporary)
            for chunk in leaf.chunks:
                file.write(chunk)
            size = file.tell()
            file.seek(0)
            self._bytes_left = bytes_left
            has_text = False
            for part in parts_of(kind, file, leaf.name, leaf.label, size, web_encoding(leaf.facts.charset)):
                path = one_line(part.path)
                is_single = not part.path or kind in ("gzip", "bzip2", "xz")
                inner = _Leaf(
                    leaf.label if is_single else f"{leaf.label}/{path}",
                    posixpath.basename(path) or leaf.name,
                    self._counted(limit_bytes(part.chunks, leaf.label, lambda: None, self._bytes_left, None)),
                    leaf.found or not is_single,
                    depth=leaf.depth + 1,
                    is_text=part.is_text,
                )
                has_text |= self._read_leaf(inner)
        return has_text

    def _read_text(self, leaf: _Leaf) -> bool:
        """Adds the text of one file; returns whether it has any."""
        before = self._writer.characters
        encoding = None if leaf.is_text else self._reading.encoding or web_encoding(leaf.facts.charset)
        used: list[str] = []
        digest = hashlib.sha256()
        chunks = _hashed(leaf.chunks, digest.update)
        pieces = decode(chunks, leaf.label, self._reading.errors, encoding=encoding, report=used.append)
        if self._chat_parser is not None:
            whole = list(pieces)
            self._check_copy(digest.digest(), leaf.label)
            pieces = self._chat(whole, leaf)
        else:
            pieces = self._text(pieces, leaf)
        replaced = self.add(pieces, leaf.name)
        if self._writer.characters == before:
            if leaf.found:
                self._leave_out("empty", leaf.name)
            return False
        if self._chat_parser is None:
            self._check_copy(digest.digest(), leaf.label)
        if replaced:
            what = used[0] if used else "UTF-8"
            self._warnings.append(f"{leaf.label} is not {what}: {replaced:,} invalid byte sequences became U+FFFD")
        elif used:
            self._warnings.append(f"{leaf.label} is read as {used[0]}")
        return True

    def _check_copy(self, content: bytes, label: str) -> None:
        """Raises _CopyError if a file with this content was read."""
        if content in self._contents:
            raise _CopyError(self._contents[content])
        self._contents[content] = label

    def _counted(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._bytes_left -= len(chunk)
            yield chunk

    def _chat(self, pieces: list[tuple[str, int]], leaf: _Leaf) -> Iterator[tuple[str, int]]:
        if self._chat_parser is not None and (text := "".join(piece for piece, _ in pieces)):
            try:
                yield self._chat_parser.read(text, leaf.label), sum(replaced for _, replaced in pieces)
            except CorpusError as error:
                raise _NoChatError(str(error)) from error

    def _text(self, pieces: Iterable[tuple[str, int]], leaf: _Leaf) -> Iterator[tuple[str, int]]:
        for number, (text, replaced) in enumerate(pieces):
            if number == 0 and (kind := chat_kind(text[:_CHAT_SAMPLE])):
                self._warnings.append(f"{leaf.label} looks like {kind}: use --chat to read it as turns without dates")
            yield text, replaced

    def add(self, pieces: Iterable[tuple[str, int]], file: str) -> int:
        """Adds the text of a file, unless it is empty.

        Args:
            pieces: (text, number of U+FFFD in it that stand for invalid bytes).
            file: its base name.

        Returns:
            the number of replacements in the file.
        """
        replaced = lines = 0
        started = False
        for text, count in pieces:
            if text and not started:
                started = True
                if self.files:
                    self._writer.add("\n")
            self._writer.add(text)
            replaced += count
            lines += text.count("\n")
        if started:
            self.files.append(file)
            self.first_lines.append(self._next_line)
            self._next_line += lines + 1
        return replaced

    def _leave_out(self, reason: str, name: str) -> None:
        self._left_out.setdefault(reason, []).append(name)

    def _left_out_text(self) -> str:
        parts = []
        for reason, names in self._left_out.items():
            text = f"{len(names):,} {_SINGULAR.get(reason, reason) if len(names) == 1 else reason}"
            if reason not in _COUNTED:
                more = ", …" if len(names) > _LISTED else ""
                text += f" ({', '.join(one_line(name, 60) for name in names[:_LISTED])}{more})"
            parts.append(text)
        return ", ".join(parts)

    def finish(self) -> list[str]:
        """Returns the warnings; CorpusError if all files were empty."""
        if not self.files:
            raise CorpusError("all the given files are empty: give a file with text in it")
        if left_out := self._left_out_text():
            self._warnings.append(f"left out of the text: {left_out}")
        for encoding, sample in self._proposals.items():
            self._warnings.append(f"--encoding {encoding} may read what is not UTF-8: “{sample}”")
        return self._warnings


class _NoChatError(CorpusError):
    """A file is no chat export."""


_REASONS: dict[type[CorpusError], str] = {
    NotTextError: "binary",
    UnreadableError: "unreadable",
    PackedError: "not unpacked",
    _NoChatError: "without messages",
}


class _CopyError(Exception):
    """A file has the content of one that was read before."""

    def __init__(self, first: str) -> None:
        super().__init__(first)
        self.first = first


def _hashed(chunks: Iterable[bytes], update: Callable[[bytes], object]) -> Iterator[bytes]:
    for chunk in chunks:
        update(chunk)
        yield chunk


def _peek(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Returns the first bytes, enough to recognise a format, and all chunks."""
    first: list[bytes] = []
    size = 0
    for chunk in chunks:
        first.append(chunk)
        size += len(chunk)
        if size >= SNIFFED_BYTES:
            break
    return b"".join(first)[:SNIFFED_BYTES], itertools.chain(first, chunks)
