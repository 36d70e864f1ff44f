"""From the sources that a person types to one text.

Sources are files, folders, globs, `-` (standard input), `http(s)://…` and `hf://datasets/OWNER/NAME/PATH`; with
none, the documentation text that ships inside Python. Files keep the order in which they were typed; those of a
folder or a glob come sorted by their path. They are joined with one line end between, whatever they end in:
`"\\n".join(files)`. `corpus_sources` finds what is behind a source, `corpus_fetch` gets what is elsewhere, and
`corpus_decode` makes text of bytes.

A file that was named must be text. Of a folder or a glob the text files are taken; hidden, binary and empty ones
are left out and counted. A file that comes twice is read once: its second copy would make the validation split
repeat what was trained on.

A Corpus goes into run folders and model cards, so it holds base names only, no path of this machine. It is read
in memory, at most MAX_BYTES of it, with no more than three copies at once. Knows nothing of models.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .corpus_decode import CorpusError, Errors, binary_kind, decode, shown
from .corpus_fetch import Progress, too_large
from .corpus_sources import STDIN, Item, Source, expand, name_of

__all__ = ["MAX_BYTES", "Corpus", "CorpusError", "Errors", "LeftOut", "Progress", "check_length", "read_corpus"]

MAX_BYTES = 1_000_000_000
PYTHON_DOCS = "python-docs"
_CHUNK = 1 << 20


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

    text: str = field(repr=False)
    name: str
    """Made from the sources' base names; fit to name a folder or a repo."""
    files: tuple[str, ...]
    """The base name of each file, in the order of the text."""
    sha256: str
    """Of `text` in UTF-8."""
    characters: int
    first_lines: tuple[int, ...] = field(repr=False)
    """The line of `text`, counted from 1, at which each file begins."""
    datasets: tuple[str, ...] = ()
    """The Hub's datasets among the sources, OWNER/NAME."""
    left_out: LeftOut = LeftOut()
    warnings: tuple[str, ...] = ()
    """Lines that the person should see; they name files as the person typed them, so they stay unpublished."""

    def locate(self, line: int) -> tuple[str, int]:
        """(file, line in it) of a line of `text`, both lines counted from 1."""
        index = max(bisect_right(self.first_lines, line) - 1, 0)
        return self.files[index], line - self.first_lines[index] + 1


def read_corpus(
    sources: Sequence[str] = (),
    *,
    errors: Errors = "strict",
    progress: Progress | None = None,
    max_bytes: int = MAX_BYTES,
) -> Corpus:
    """The text of `sources`. CorpusError says in one line which of them cannot be had, why, and what to do."""
    if isinstance(sources, str):
        raise TypeError("sources is a list of strings, not one string")
    if errors not in ("strict", "replace"):
        raise CorpusError(f"--errors is {shown(str(errors))}; it can be strict or replace")
    if not sources:
        return _python_docs()
    if sources.count(STDIN) > 1:
        raise CorpusError("standard input (-) was given twice, and it can be read once: leave one out")
    expanded = [expand(typed) for typed in sources]  # all of them first: a typing error costs no download
    _check_known_size(expanded, max_bytes)
    reader = _Reader(errors, progress, max_bytes)
    for source in expanded:
        reader.read(source, alone=len(expanded) == 1)
    name = name_of(sources[0]) + (f"-and-{len(sources) - 1}-more" if len(sources) > 1 else "")
    return reader.corpus(name)


def check_length(corpus: Corpus, needed: int, what: str = "one window") -> None:
    """CorpusError unless the corpus has the `needed` characters for `what`."""
    if corpus.characters < needed:
        raise CorpusError(
            f"the text {shown(corpus.name)} is too short: it has {corpus.characters:,} characters, and {what} "
            f"needs at least {needed:,}: give a longer text"
        )


def _check_known_size(sources: Sequence[Source], max_bytes: int) -> None:
    known = sum(item.size or 0 for source in sources for item in source.items)
    if known > max_bytes:
        label = shown(sources[0].typed) if len(sources) == 1 else "the text"
        raise too_large(label, known, max_bytes)


def _python_docs() -> Corpus:
    try:
        from pydoc_data.topics import topics
    except ImportError as error:  # some distributions ship it in a package of its own
        raise CorpusError(
            "no text was given, and this Python comes without its documentation text: name a text file"
        ) from error
    # Each topic begins with its own underlined title; joined like files, a blank line comes between.
    reader = _Reader("strict", None, MAX_BYTES)
    reader.add("\n".join(topics[key] for key in sorted(topics)), PYTHON_DOCS)
    return reader.corpus(PYTHON_DOCS)


class _Reader:
    """Gathers the pieces of one corpus, and what there is to say about them."""

    def __init__(self, errors: Errors, progress: Progress | None, max_bytes: int) -> None:
        self._errors: Errors = errors
        self._progress = progress
        self._bytes_left = max_bytes
        self._pieces: list[str] = []
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
            raise CorpusError(f"{shown(source.typed)} holds no text{left_out}: give a folder with text files in UTF-8")
        if alone:
            raise CorpusError(f"{source.items[0].label} is empty: give a file with text in it")
        self._warnings.append(f"{source.items[0].label} is empty")

    def _read_item(self, item: Item) -> bool:
        """Whether there was text in it."""
        if item.path is not None and item.path in self._seen:
            self._warnings.append(f"{item.label} comes twice and is read once")
            return True
        raw = item.read(self._bytes_left, self._progress)
        if item.found and binary_kind(raw) is not None:
            self._binary += 1
            return False
        text = decode(raw, item.label, self._errors)
        if self._errors == "replace" and (places := text.count("\ufffd") - raw.count("\ufffd".encode())):
            self._warnings.append(f"{item.label} is not UTF-8: {places:,} places in it became U+FFFD")
        self._bytes_left -= len(raw)
        if not text:
            self._empty += item.found
            return False
        if item.path is not None:
            self._seen.add(item.path)
        if item.dataset is not None:
            self._datasets[item.dataset] = None
        self.add(text, item.file)
        return True

    def add(self, text: str, file: str) -> None:
        self._pieces.append(text)
        self._files.append(file)
        self._first_lines.append(self._next_line)
        self._next_line += text.count("\n") + 1

    def _left_out(self) -> LeftOut:
        return LeftOut(self._hidden, self._binary, self._empty)

    def corpus(self, name: str) -> Corpus:
        text = "\n".join(self._pieces)
        self._pieces.clear()
        if not text:
            raise CorpusError("all the given files are empty: give a file with text in it")
        if text.count(text[0]) == len(text):
            self._warnings.append(f"the whole text is one character, {text[0]!r}: there is little to learn from it")
        left_out = self._left_out()
        if str(left_out):
            self._warnings.append(f"left out of the text: {left_out}")
        return Corpus(
            text=text,
            name=name,
            files=tuple(self._files),
            sha256=_sha256(text),
            characters=len(text),
            first_lines=tuple(self._first_lines),
            datasets=tuple(self._datasets),
            left_out=left_out,
            warnings=tuple(self._warnings),
        )


def _sha256(text: str) -> str:
    digest = hashlib.sha256()
    for start in range(0, len(text), _CHUNK):  # in pieces: the encoded whole would be one more copy
        digest.update(text[start : start + _CHUNK].encode("utf-8"))
    return digest.hexdigest()
