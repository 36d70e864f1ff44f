"""From one source, as a person types it, to the files behind it: what they are called and how to read them.

Nothing but the beginnings of a folder's files is read here, so that a missing file is known before a large one is
downloaded. A file that was named must be text; one that was `found`, in a folder or by a glob, may be left out.
"""

from __future__ import annotations

import difflib
import glob
import hashlib
import os
import re
import stat
import sys
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO

from model.terminal import one_line

from . import download as corpus_fetch
from . import hub_datasets as corpus_datasets
from .decode import SNIFFED_BYTES, CorpusError, binary_kind
from .download import Progress

STDIN = "-"
_CHUNK = 1 << 20
_GLOB = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class Item:
    """One file: `label` for messages, `file` its base name (all that may be published), `read(limit, progress)`."""

    label: str
    file: str
    read: Callable[[int, Progress | None], Generator[bytes]]
    size: int | None = None
    found: bool = False
    path: Path | None = None
    """Where a local file really is: two names of one file agree in it."""
    changed_ns: int = 0
    """When a local file was last written to."""
    dataset: str | None = None


@dataclass
class Source:
    """What a person typed and what is behind it; the entries of folders that are left out unread."""

    typed: str
    items: list[Item] = field(default_factory=list)
    hidden: set[Path] = field(default_factory=set)
    binary: set[Path] = field(default_factory=set)
    warnings: list[str] = field(default_factory=list)


def expand(typed: str) -> Source:
    """The files behind one source. CorpusError if there are none, or if it is no source that can be read."""
    if typed == STDIN:
        return Source(typed, [Item("standard input", "stdin", _read_stdin)])
    scheme, separator, rest = typed.partition("://")
    if separator and scheme.lower() in ("http", "https"):
        url = f"{scheme.lower()}://{rest}"
        read = partial(corpus_fetch.fetch_url, url)
        return Source(typed, [Item(corpus_fetch.public_url(url), corpus_fetch.url_file_name(url), read)])
    if typed.startswith(corpus_datasets.HUB_PREFIX):
        return _expand_hub(typed)
    if separator and scheme.isalnum():
        raise CorpusError(
            f"{one_line(typed)} cannot be read: a text is a file, a folder, a glob, -, http(s)://… "
            "or hf://datasets/OWNER/NAME/FILE.txt"
        )
    return _expand_local(typed)


def stamp(sources: Iterable[Source]) -> str:
    """A word that is another one when a local file was written to, came or went; it tells nothing else of them.

    What is elsewhere does not count.
    """
    local = [item for source in sources for item in source.items if item.path is not None]
    return hashlib.sha256(repr([(str(item.path), item.size, item.changed_ns) for item in local]).encode()).hexdigest()


def is_local(typed: str) -> bool:
    """Whether a source is files of this machine that can be read again."""
    return typed != STDIN and "://" not in typed


def name_of(typed: str) -> str:
    """A short name for a source, fit to name a folder or a repo; nothing of it but a base name."""
    if typed == STDIN:
        base = "stdin"
    elif typed.lower().startswith(("http://", "https://")):
        base = Path(corpus_fetch.url_file_name(typed)).stem
    elif typed.startswith(corpus_datasets.HUB_PREFIX):
        dataset, _, inside = corpus_datasets.parse_hub_source(typed)
        base = dataset.partition("/")[2] if not inside or _GLOB.search(inside) else Path(inside).stem
    else:
        path = _path(typed)
        while _GLOB.search(path.name) and _mode(path) is None:
            path = path.parent  # a glob is named after the folder it looks in
        if not path.name or path.name == "..":
            path = path.resolve()
        base = path.name if path.is_dir() else path.stem
    return re.sub(r"[^\w.-]+", "-", base).strip("-._")[:60] or "text"


# --- the Hub and standard input


def _expand_hub(typed: str) -> Source:
    source = Source(typed)
    inside = corpus_datasets.parse_hub_source(typed)[2]
    for file in corpus_datasets.hub_files(typed):
        if file.cached:
            source.warnings.append(f"the Hub cannot be reached: reading the copy of {file.label} in the cache")
        source.items.append(
            Item(
                label=file.label,
                file=Path(file.path).name,
                read=partial(_read_hub, file),
                size=file.size,
                found=file.path != inside,
                dataset=file.dataset,
            )
        )
    return source


def _read_hub(file: corpus_datasets.HubFile, limit: int, progress: Progress | None) -> Generator[bytes]:
    yield from _read_file(file.label, corpus_datasets.fetch_hub(file, limit, progress), limit, None)


def _read_stdin(limit: int, progress: Progress | None) -> Generator[bytes]:
    if sys.stdin is None:  # a program without a console
        raise CorpusError("there is no standard input to read: give a file")
    yield from corpus_fetch.bounded(
        _chunks("standard input", sys.stdin.buffer), "standard input", lambda: None, limit, progress
    )


# --- files, folders, globs


def _expand_local(typed: str) -> Source:
    if not typed.strip() or "\0" in typed:
        raise CorpusError(f"a text's name cannot be {typed!r}: give a file, a folder, a glob, - or an address")
    path = _path(typed)
    mode = _mode(path)
    source = Source(typed)
    if mode is not None and stat.S_ISDIR(mode):
        for file in _walk(typed, path, source):
            _add_found(one_line(str(Path(typed) / file.relative_to(path))), file, source)
    elif mode is not None:
        source.items.append(_local_item(one_line(typed), path))
    elif _GLOB.search(typed):
        _glob(path, source)
    else:
        raise CorpusError(f"there is no file or folder {one_line(typed)}: {_suggestion(typed, path)}")
    return source


def _path(typed: str) -> Path:
    try:
        return Path(typed).expanduser()
    except RuntimeError:  # ~nobody-of-this-name
        return Path(typed)


def _mode(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise _unreadable(one_line(str(path)), error) from error


def _unreadable(label: str, error: Exception) -> CorpusError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
    return CorpusError(f"{label} cannot be read ({one_line(reason)}): check its name and its permissions")


def _suggestion(typed: str, path: Path) -> str:
    try:
        close = difflib.get_close_matches(path.name, sorted(p.name for p in path.parent.iterdir()), n=1)
    except OSError:
        close = []
    if close:
        return f"is it {one_line(close[0])}?"
    if re.fullmatch(r"[\w.-]+/[\w.-]+", typed, re.ASCII):
        return f"check the name, or for a dataset on the Hub write hf://datasets/{typed}"
    return "check the name and the folder you are in"


def _local_item(label: str, path: Path, found: bool = False) -> Item:
    try:
        status = path.stat()
    except OSError as error:
        raise _unreadable(label, error) from error
    read = partial(_read_file, label, path)
    whole = stat.S_ISREG(status.st_mode)
    return Item(
        label,
        path.name,
        read,
        size=status.st_size if whole else None,
        found=found,
        path=path.resolve(),
        changed_ns=status.st_mtime_ns if whole else 0,
    )


def _walk(label: str, folder: Path, source: Source) -> list[Path]:
    """The files of a folder, sorted by their path in it, so that every machine gives the same text."""

    def stop(error: OSError) -> None:
        raise _unreadable(one_line(str(Path(label) / os.path.relpath(error.filename or folder, folder))), error)

    paths: list[Path] = []
    entered: set[tuple[int, int]] = set()  # links to folders are followed, but not in circles
    for root, folders, files in os.walk(folder, onerror=stop, followlinks=True):
        status = Path(root).stat()
        if (status.st_dev, status.st_ino) in entered:
            folders.clear()
            continue
        entered.add((status.st_dev, status.st_ino))
        source.hidden.update(Path(root) / name for name in (*folders, *files) if name.startswith("."))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        paths += (Path(root) / name for name in files if not name.startswith("."))
    return sorted(paths, key=lambda path: path.parts)


def _glob(pattern: Path, source: Source) -> None:
    matches = glob.glob(str(pattern), recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern
    if not matches:
        raise CorpusError(f"nothing is called {one_line(source.typed)}: check the pattern and the folder you are in")
    paths: dict[Path, None] = {}  # `**` matches a folder and what is in it: each file once, in order
    for match in sorted(map(Path, matches), key=lambda path: path.parts):
        paths.update(dict.fromkeys(_walk(str(match), match, source) if match.is_dir() else [match]))
    for path in paths:
        _add_found(one_line(str(path)), path, source)


def _add_found(label: str, path: Path, source: Source) -> None:
    mode = _mode(path)
    # Neither a link to nowhere nor a pipe that would never end is text.
    if mode is not None and stat.S_ISREG(mode) and binary_kind(_head(label, path)) is None:
        source.items.append(_local_item(label, path, found=True))
    else:
        source.binary.add(path)


# --- reading


def _head(label: str, path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(SNIFFED_BYTES)
    except OSError as error:
        raise _unreadable(label, error) from error


def _read_file(label: str, path: Path, limit: int, progress: Progress | None) -> Generator[bytes]:
    try:
        with path.open("rb") as file:
            before = os.fstat(file.fileno())
            size = before.st_size if stat.S_ISREG(before.st_mode) else None
            yield from corpus_fetch.bounded(_chunks(label, file), label, lambda: size, limit, progress)
            after = os.fstat(file.fileno())
    except OSError as error:
        raise _unreadable(label, error) from error
    if size is not None and (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise CorpusError(f"{label} changed while it was read: wait until it is written, or give a copy of it")


def _chunks(label: str, stream: BinaryIO) -> Generator[bytes]:
    """All of a stream, in pieces: a pipe or a device may have no end, and a file's size may be a lie."""
    try:
        while chunk := stream.read(_CHUNK):
            yield chunk
    except OSError as error:
        raise _unreadable(label, error) from error


def absolute_source(source: str) -> str:
    """A TEXT that means the same from any folder; what is no path stays."""
    if source == "-" or "://" in source:
        return source
    return os.path.abspath(os.path.expanduser(source))  # noqa: PTH100, PTH111  a glob is no path to resolve
