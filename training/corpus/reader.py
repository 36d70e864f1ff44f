"""From the sources that a person types to one text, as ids in a file.

Sources are files, folders, globs, `-` (standard input), `http(s)://…` and `hf://datasets/OWNER/NAME/PATH`; with
none, the documentation text that ships inside Python. Files keep the order in which they were typed; those of a
folder or a glob come sorted by their path. They are joined with one line end between, whatever they end in:
`"\\n".join(files)`. `corpus_sources` finds what is behind a source, `corpus_fetch` and `corpus_datasets` get what is
elsewhere, `corpus_decode` makes text of bytes, and `ids_file` ids of text.

A file that was named must be text. Of a folder or a glob the text files are taken; hidden, binary and empty ones
are left out and counted. A file that comes twice is read once: its second copy would make the validation split
repeat what was trained on.

Everything is read once, from beginning to end, and in pieces: a text may be larger than memory, and standard input
can be read only once. The disk is the limit. A Corpus goes into run folders and model cards, so it holds base names
only, no path of this machine. Knows nothing of models.
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

from .chat_exports import chat_kind
from .decode import CorpusError, Errors, NotTextError, decode
from .download import Progress, too_large
from .ids_file import Ids, IdsWriter, texts
from .sources import STDIN, Item, Source, expand, name_of, stamp

__all__ = ["Corpus", "CorpusError", "Errors", "LeftOut", "Progress", "check_length", "corpus_name", "read_corpus"]

PYTHON_DOCS = "python-docs"
_LOOKED_AT = 10_000  # characters of a file in which a chat is noticed
_KEPT_FREE = 100_000_000  # bytes of the disk that a text leaves to the checkpoints; of a small disk a half

Turns = Callable[[str, str], str]


@dataclass(frozen=True)
class LeftOut:
    """How many entries of folders and globs were not read, and why (a hidden folder counts once)."""

    hidden: int = 0
    binary: int = 0
    empty: int = 0

    def __str__(self) -> str:
        return ", ".join(f"{count} {why}" for why, count in vars(self).items() if count)


@dataclass(frozen=True)
class Corpus:
    """One text and where it came from, in words that may be published."""

    ids: Ids = field(repr=False, compare=False)
    """(N,) the text, mapped into memory from a file: places in `vocab`."""
    vocab: tuple[str, ...] = field(repr=False)
    """Its characters, sorted; before them those that were said to be known, in their order."""
    name: str
    """Made from the sources' base names; fit to name a folder or a repo."""
    files: tuple[str, ...]
    """The base name of each file, in the order of the text."""
    sha256: str
    """Of the text in UTF-8."""
    first_lines: tuple[int, ...] = field(repr=False)
    """The line of the text, counted from 1, at which each file begins."""
    datasets: tuple[str, ...] = ()
    """The Hub's datasets among the sources, OWNER/NAME."""
    left_out: LeftOut = LeftOut()
    warnings: tuple[str, ...] = ()
    """Lines that the person should see; they name files as the person typed them, so they stay unpublished."""
    stamp: str = field(default="", repr=False)
    """Tells the local files as they were when they were read from what they may become; no more of them."""

    @property
    def characters(self) -> int:
        return len(self.ids)

    @property
    def text(self) -> str:
        """The whole text in memory: for texts that are known to be small. `pieces` are for all."""
        return "".join(self.pieces())

    def pieces(self) -> Iterator[str]:
        """The text from beginning to end, in pieces of at most a million characters or so."""
        return texts(self.ids, self.vocab)

    def head(self, characters: int) -> str:
        """The beginning of the text."""
        return "".join(texts(self.ids[:characters], self.vocab))

    def locate(self, line: int) -> tuple[str, int]:
        """(file, line in it) of a line of the text, both lines counted from 1."""
        index = max(bisect_right(self.first_lines, line) - 1, 0)
        return self.files[index], line - self.first_lines[index] + 1


def corpus_name(sources: Sequence[str]) -> str:
    """What the corpus of these sources will be called."""
    if not sources:
        return PYTHON_DOCS
    return name_of(sources[0]) + (f"-and-{len(sources) - 1}-more" if len(sources) > 1 else "")


def read_corpus(
    sources: Sequence[str] = (),
    *,
    path: Path | None = None,
    known: Sequence[str] = (),
    errors: Errors = "strict",
    progress: Progress | None = None,
    max_bytes: int | None = None,
    turns: Turns | None = None,
) -> Corpus:
    """The text of `sources`.

    Args:
        sources: as a person types them.
        path: the file for its ids, which is replaced when all is read; None for one that is gone with the process.
        known: characters whose ids are 0, 1, … whether they come or not.
        errors: what to do with bytes that are not UTF-8.
        progress: is told how far each file is.
        max_bytes: of all files together; None for what the disk takes.
        turns: makes the text of a file that is a chat's export, which is given whole, with the file's label; None
            for files that are read as they are.

    Raises:
        CorpusError: one of the sources cannot be had. The message says in one line which, why, and what to do.
    """
    if isinstance(sources, str):
        raise TypeError("sources is a list of strings, not one string")
    if errors not in ("strict", "replace"):
        raise CorpusError(f"--errors is {one_line(str(errors))}; it can be strict or replace")
    if sources.count(STDIN) > 1:
        raise CorpusError("standard input (-) was given twice, and it can be read once: leave one out")
    expanded = [expand(typed) for typed in sources]  # all of them first: a typing error costs no download
    if max_bytes is None:
        max_bytes = _room(path)
    _check_known_size(expanded, max_bytes)
    try:
        with IdsWriter(path, known) as writer:
            reader = _Reader(writer, errors, progress, max_bytes, turns)
            for source in expanded:
                reader.read(source, alone=len(expanded) == 1)
            if not sources:
                reader.add([(_python_docs(), 0)], PYTHON_DOCS)
            return reader.corpus(corpus_name(sources), stamp(expanded))
    except OSError as error:  # those of reading have become CorpusErrors
        raise _unwritable(path, error) from error


def check_length(corpus: Corpus, needed: int, what: str = "one window") -> None:
    """CorpusError unless the corpus has the `needed` characters for `what`."""
    if corpus.characters < needed:
        raise CorpusError(
            f"the text {one_line(corpus.name)} is too short: it has {corpus.characters:,} characters, and {what} "
            f"needs at least {needed:,}: give a longer text"
        )


def _room(path: Path | None) -> int:
    """How much text may be read: most characters of most texts take as many bytes in the end as in UTF-8, or fewer."""
    folder = Path(tempfile.gettempdir()) if path is None else path.parent
    free = shutil.disk_usage(folder).free
    return free - min(_KEPT_FREE, free // 2)


def _check_known_size(sources: Sequence[Source], max_bytes: int) -> None:
    known = sum(item.size or 0 for source in sources for item in source.items)
    if known > max_bytes:
        label = one_line(sources[0].typed) if len(sources) == 1 else "the text"
        raise too_large(label, known, max_bytes)


def _unwritable(path: Path | None, error: OSError) -> CorpusError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    advice = "make room, or choose another disk with --out" if full else "choose another folder with --out"
    where = "a temporary file" if path is None else one_line(str(path.parent))
    return CorpusError(f"the text cannot be kept in {where} ({error.strerror or type(error).__name__}): {advice}")


def _python_docs() -> str:
    try:
        from pydoc_data.topics import topics
    except ImportError as error:  # some distributions ship it in a package of its own
        raise CorpusError(
            "no text was given, and this Python comes without its documentation text: name a text file"
        ) from error
    # Each topic begins with its own underlined title; joined like files, a blank line comes between.
    return "\n".join(topics[key] for key in sorted(topics))


class _Reader:
    """Gathers the pieces of one corpus, and what there is to say about them."""

    def __init__(
        self, writer: IdsWriter, errors: Errors, progress: Progress | None, max_bytes: int, turns: Turns | None
    ) -> None:
        self._turns = turns
        self._writer = writer
        self._errors: Errors = errors
        self._progress = progress
        self._bytes_left = max_bytes
        self._files: list[str] = []
        self._first_lines: list[int] = []
        self._next_line = 1
        self._datasets: dict[str, None] = {}
        self._warnings: list[str] = []
        self._seen: set[Path] = set()
        self._hidden = self._binary = self._empty = 0

    def read(self, source: Source, alone: bool) -> None:
        """Add a source's text. One that has none is an error, but an empty file among others is only said."""
        self._warnings += source.warnings
        self._hidden += len(source.hidden)
        self._binary += len(source.binary)
        useful = [self._read_item(item) for item in source.items]
        if any(useful):
            return
        named_file = len(source.items) == 1 and not source.items[0].found
        if not named_file:
            left_out = f" (left out: {self._left_out()})" if str(self._left_out()) else ""
            raise CorpusError(
                f"{one_line(source.typed)} holds no text{left_out}: give a folder with text files in UTF-8"
            )
        if alone:
            raise CorpusError(f"{source.items[0].label} is empty: give a file with text in it")
        self._warnings.append(f"{source.items[0].label} is empty")

    def _read_item(self, item: Item) -> bool:
        """Whether there was text in it."""
        if item.path is not None and item.path in self._seen:
            self._warnings.append(f"{item.label} comes twice and is read once")
            return True
        before, bytes_left = self._writer.mark(), self._bytes_left
        try:
            with closing(item.read(self._bytes_left, self._progress)) as chunks:
                pieces = decode(self._counted(chunks), item.label, self._errors)
                replaced = self.add(self._as_text_or_turns(pieces, item.label), item.file)
        except NotTextError:
            if not item.found:
                raise
            self._writer.back_to(before)
            self._bytes_left = bytes_left
            self._binary += 1
            return False
        if self._writer.characters == before.characters:
            self._empty += item.found
            return False
        if replaced:
            self._warnings.append(f"{item.label} is not UTF-8: {replaced:,} places in it became U+FFFD")
        if item.path is not None:
            self._seen.add(item.path)
        if item.dataset is not None:
            self._datasets[item.dataset] = None
        return True

    def _counted(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._bytes_left -= len(chunk)
            yield chunk

    def _as_text_or_turns(self, pieces: Iterable[tuple[str, int]], label: str) -> Iterator[tuple[str, int]]:
        if self._turns is not None:
            texts, places = zip(*pieces, strict=True) if (pieces := list(pieces)) else ((), ())
            if text := "".join(texts):
                yield self._turns(text, label), sum(places)
            return
        for number, (text, replaced) in enumerate(pieces):
            if number == 0 and (kind := chat_kind(text[:_LOOKED_AT])):
                self._warnings.append(f"{label} looks like {kind}: with --chat it is read as turns, and no dates")
            yield text, replaced

    def add(self, pieces: Iterable[tuple[str, int]], file: str) -> int:
        """Add a file's text, unless there is none in it; gives the number of places that were replaced."""
        replaced = lines = 0
        begun = False
        for text, places in pieces:
            if text and not begun:
                begun = True
                if self._files:
                    self._writer.add("\n")
            self._writer.add(text)
            replaced += places
            lines += text.count("\n")
        if begun:
            self._files.append(file)
            self._first_lines.append(self._next_line)
            self._next_line += lines + 1
        return replaced

    def _left_out(self) -> LeftOut:
        return LeftOut(self._hidden, self._binary, self._empty)

    def corpus(self, name: str, stamp: str) -> Corpus:
        if not self._files:
            raise CorpusError("all the given files are empty: give a file with text in it")
        written = self._writer.finish()
        distinct = self._writer.distinct
        if distinct == 1:
            only = next(texts(written.ids[:1], written.vocab))
            self._warnings.append(f"the whole text is one character, {only!r}: there is little to learn from it")
        left_out = self._left_out()
        if str(left_out):
            self._warnings.append(f"left out of the text: {left_out}")
        return Corpus(
            ids=written.ids,
            vocab=written.vocab,
            name=name,
            files=tuple(self._files),
            sha256=written.sha256,
            first_lines=tuple(self._first_lines),
            datasets=tuple(self._datasets),
            left_out=left_out,
            warnings=tuple(self._warnings),
            stamp=stamp,
        )
