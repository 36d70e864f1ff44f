"""Reads the sources that a user types into one text, whose character ids are written to a file.

A source is a file, a folder, a glob, `-` (standard input), `http(s)://…` or `hf://datasets/OWNER/NAME/PATH`. Without
sources the text is Python's own documentation. Files keep the order in which they were typed; the files of a folder
or a glob are sorted by path. They are joined with one line end between them: `"\\n".join(files)`.

Each file is read once, from beginning to end, in pieces: a text may be larger than memory, and standard input can be
read only once. A Corpus is stored in run folders and model cards, so its fields hold base names, never full paths.
"""

from __future__ import annotations

import shutil
import tempfile
from bisect import bisect_right
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from model.files import FULL_DISK
from model.terminal import one_line

from .chats.reader import ChatReader
from .collector import Collector, Progress
from .decode import CorpusError, Reading
from .ids_file import EncodedText, decode_ids, write_ids
from .sources import SourceFile, SourceFiles, expand, name_of

PYTHON_DOCS = "python-docs"
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
    expanded = [expand(typed) for typed in sources]
    if not sources:
        expanded = [SourceFiles("", [SourceFile(label=PYTHON_DOCS, name=PYTHON_DOCS, read=_python_docs)])]
    free = free_bytes(path)
    try:
        with tempfile.TemporaryFile(dir=path.parent if path else None) as text:
            collector = Collector(text=text, reading=reading, progress=progress, max_bytes=free, chat=chat)
            for source in expanded:
                collector.read(source)
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
