"""Reads the sources that a user types into one text, whose character ids are written to a file.

A source is a file, a folder, a glob, `-` (standard input), `http(s)://…` or `hf://datasets/OWNER/NAME/PATH`. Without
sources the text is Python's own documentation. Files keep the order in which they were typed; the files of a folder
or a glob are sorted by path. They are joined with one line end between them: `"\\n".join(files)`. `sources` finds the
files of a source, `download` and `hub_datasets` fetch remote ones, `decode` turns bytes into text, and `ids_file`
turns text into ids.

A file that was named must be text. Of a folder or a glob the text files are read; hidden, binary and empty files and
links that lead out of the folder are left out and counted. A path that is given twice is read once: otherwise the
validation split would repeat training text. Each file is read once, from beginning to end, in pieces: a text may be
larger than memory, and standard input can be read only once. A Corpus is stored in run folders and model cards, so it
holds base names, never full paths.
"""

from __future__ import annotations

import errno
import shutil
import tempfile
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from model.terminal import one_line

from .chats.kinds import chat_kind
from .decode import CorpusError, Errors, NotTextError, decode
from .download import Progress, too_large
from .ids_file import Ids, IdsWriter, decode_ids
from .sources import STDIN, SourceFile, SourceFiles, expand, name_of, stamp

PYTHON_DOCS = "python-docs"
_CHAT_SAMPLE = 10_000  # characters at the beginning of a file that are searched for the signs of a chat export
_KEPT_FREE = 100_000_000  # bytes of disk that a text leaves for checkpoints; on a small disk, half of it

_OUTSIDE, _ONE_OUTSIDE = "links that lead out of the folder", "link that leads out of the folder"

ChatParser = Callable[[str, str], str]
"""Called as (text of a chat export, label of the file); returns its turns as text."""


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """One text and its origin; all fields but `warnings` may be published."""

    ids: Ids = field(repr=False, compare=False)
    """(N,) indices into `vocab`, memory-mapped from a file."""
    vocab: tuple[str, ...] = field(repr=False)
    """The base vocabulary in its own order, then the other characters of the text, sorted."""
    name: str
    """Made from the base names of the sources; valid as the name of a folder or a repo."""
    files: tuple[str, ...]
    """The base name of each file, in the order of the text."""
    sha256: str
    """SHA-256 of the text in UTF-8."""
    first_lines: tuple[int, ...] = field(repr=False)
    """For each file, the line of the text (counted from 1) at which it begins."""
    warnings: tuple[str, ...] = ()
    """One line each, for the user; they name files as typed, so they must not be published."""
    stamp: str = field(default="", repr=False)
    """A hash of the paths, sizes and modification times of the local files; see `sources.stamp`."""

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
    errors: Errors = "strict",
    progress: Progress | None = None,
    max_bytes: int | None = None,
    parse_chat: ChatParser | None = None,
) -> Corpus:
    """Reads `sources` into one text.

    Args:
        sources: as the user typed them.
        path: file for the ids, replaced when the whole text is read; None for a temporary file.
        base_vocab: characters that get the ids 0, 1, … even if the text lacks them.
        errors: what to do with bytes that are not UTF-8.
        progress: called with the state of each file.
        max_bytes: limit for all files together; None for what fits on the disk.
        parse_chat: turns each file, which must be a chat export, into text; None to read files as they are.

    Raises:
        CorpusError: a source cannot be read. The message is one line: which source, why, and what to do.
    """
    if isinstance(sources, str):
        raise TypeError("sources is a list of strings, not one string")
    if errors not in ("strict", "replace"):
        raise CorpusError(f"--errors must be strict or replace (got {one_line(str(errors))})")
    if sources.count(STDIN) > 1:
        raise CorpusError("standard input (-) can be read only once: give - one time")
    expanded = [expand(typed) for typed in sources]  # before any download: a typing error then costs no time
    if max_bytes is None:
        max_bytes = _free_bytes(path)
    _check_known_size(expanded, max_bytes)
    try:
        with IdsWriter(path, base_vocab) as writer:
            reader = _Reader(writer, errors, progress, max_bytes, parse_chat)
            for source in expanded:
                reader.read(source, only_source=len(expanded) == 1)
            if not sources:
                reader.add([(_python_docs(), 0)], PYTHON_DOCS)
            return reader.corpus(corpus_name(sources), stamp(expanded))
    except OSError as error:  # from writing; errors of reading are CorpusErrors already
        raise _cannot_write(path, error) from error


def check_length(corpus: Corpus, needed: int, purpose: str) -> None:
    """Raises CorpusError if the corpus is shorter than the `needed` characters for `purpose`."""
    if corpus.characters < needed:
        raise CorpusError(
            f"the text {one_line(corpus.name)} is too short: it has {corpus.characters:,} characters, and {purpose} "
            f"needs at least {needed:,}: give a longer text"
        )


def _free_bytes(path: Path | None) -> int:
    """Returns how many bytes of text fit on the disk. Most texts need no more bytes as ids than as UTF-8."""
    folder = Path(tempfile.gettempdir()) if path is None else path.parent
    free = shutil.disk_usage(folder).free
    return free - min(_KEPT_FREE, free // 2)


def _check_known_size(sources: Sequence[SourceFiles], max_bytes: int) -> None:
    size = sum(file.size or 0 for source in sources for file in source.files)
    if size > max_bytes:
        label = one_line(sources[0].typed) if len(sources) == 1 else "the text"
        raise too_large(label, size, max_bytes)


def _cannot_write(path: Path | None, error: OSError) -> CorpusError:
    disk_full = error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", None), errno.EFBIG)
    advice = "free some disk space, or choose another disk with --out" if disk_full else "choose another --out"
    where = "a temporary file" if path is None else one_line(str(path.parent))
    return CorpusError(f"the text cannot be written to {where} ({error.strerror or type(error).__name__}): {advice}")


def _python_docs() -> str:
    try:
        from pydoc_data.topics import topics
    except ImportError as error:  # some Linux distributions package it separately
        raise CorpusError(
            "no text was given, and this Python was installed without its documentation text: give a text file"
        ) from error
    # Each topic begins with its underlined title; joined like files, topics are separated by a blank line.
    return "\n".join(topics[key] for key in sorted(topics))


class _Reader:
    """Collects the text of one corpus, and its warnings."""

    def __init__(
        self,
        writer: IdsWriter,
        errors: Errors,
        progress: Progress | None,
        max_bytes: int,
        parse_chat: ChatParser | None,
    ) -> None:
        self._parse_chat = parse_chat
        self._writer = writer
        self._errors: Errors = errors
        self._progress = progress
        self._bytes_left = max_bytes
        self._files: list[str] = []
        self._first_lines: list[int] = []
        self._next_line = 1
        self._warnings: list[str] = []
        self._paths: set[Path] = set()
        # Files of folders and globs that were not read, by reason; a hidden folder counts once.
        self._left_out = {"hidden": 0, "binary": 0, "empty": 0, _OUTSIDE: 0}

    def read(self, source: SourceFiles, only_source: bool) -> None:
        """Adds the text of a source; CorpusError if it has none. An empty file beside others is only a warning."""
        self._warnings += source.warnings
        self._left_out["hidden"] += len(source.hidden)
        self._left_out["binary"] += len(source.binary)
        self._left_out[_OUTSIDE] += len(source.outside)
        has_text = [self._read_file(file) for file in source.files]
        if any(has_text):
            return
        is_named_file = len(source.files) == 1 and not source.files[0].found
        if not is_named_file:
            left_out = f" (left out: {counts})" if (counts := self._left_out_text()) else ""
            label = one_line(source.typed)
            raise CorpusError(f"{label} holds no text{left_out}: give a folder with text files in UTF-8")
        if only_source:
            raise CorpusError(f"{source.files[0].label} is empty: give a file with text in it")
        self._warnings.append(f"{source.files[0].label} is empty")

    def _read_file(self, file: SourceFile) -> bool:
        """Adds the text of a file; returns whether it has any."""
        if file.path is not None and file.path in self._paths:
            self._warnings.append(f"{file.label} was given twice and is read once")
            return True
        before, bytes_left = self._writer.position(), self._bytes_left
        try:
            with closing(file.read(self._bytes_left, self._progress)) as chunks:
                pieces = decode(self._counted(chunks), file.label, self._errors)
                replaced = self.add(self._chat_or_text(pieces, file.label), file.name)
        except NotTextError:
            if not file.found:
                raise
            self._writer.truncate(before)
            self._bytes_left = bytes_left
            self._left_out["binary"] += 1
            return False
        if self._writer.characters == before.characters:
            self._left_out["empty"] += file.found
            return False
        if replaced:
            self._warnings.append(f"{file.label} is not UTF-8: {replaced:,} invalid byte sequences became U+FFFD")
        if file.path is not None:
            self._paths.add(file.path)
        return True

    def _counted(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._bytes_left -= len(chunk)
            yield chunk

    def _chat_or_text(self, pieces: Iterable[tuple[str, int]], label: str) -> Iterator[tuple[str, int]]:
        if self._parse_chat is not None:
            whole = list(pieces)
            if text := "".join(piece for piece, _ in whole):
                yield self._parse_chat(text, label), sum(replaced for _, replaced in whole)
            return
        for number, (text, replaced) in enumerate(pieces):
            if number == 0 and (kind := chat_kind(text[:_CHAT_SAMPLE])):
                self._warnings.append(f"{label} looks like {kind}: use --chat to read it as turns without dates")
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
                if self._files:
                    self._writer.add("\n")
            self._writer.add(text)
            replaced += count
            lines += text.count("\n")
        if started:
            self._files.append(file)
            self._first_lines.append(self._next_line)
            self._next_line += lines + 1
        return replaced

    def _left_out_text(self) -> str:
        counts = ((count, reason) for reason, count in self._left_out.items() if count)
        return ", ".join(
            f"{count} {_ONE_OUTSIDE if (count, reason) == (1, _OUTSIDE) else reason}" for count, reason in counts
        )

    def corpus(self, name: str, stamp: str) -> Corpus:
        """Finishes the ids file and returns the corpus; CorpusError if all files were empty."""
        if not self._files:
            raise CorpusError("all the given files are empty: give a file with text in it")
        encoded = self._writer.finish()
        if self._writer.distinct == 1:
            only = next(decode_ids(encoded.ids[:1], encoded.vocab))
            self._warnings.append(f"the whole text repeats one character, {only!r}: a model has nothing to learn")
        if left_out := self._left_out_text():
            self._warnings.append(f"left out of the text: {left_out}")
        return Corpus(
            ids=encoded.ids,
            vocab=encoded.vocab,
            name=name,
            files=tuple(self._files),
            sha256=encoded.sha256,
            first_lines=tuple(self._first_lines),
            warnings=tuple(self._warnings),
            stamp=stamp,
        )
