"""Finds the files of one source that a user typed: their labels, their base names, and how to read them.

Only the beginnings of a folder's files are read here, so that a missing file is reported before a large one is
downloaded. A file that the user named must be text; one that was `found` in a folder or by a glob may be left out.
"""

from __future__ import annotations

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

from . import download, hub_datasets
from .decode import CorpusError
from .download import Progress
from .file_kinds import SNIFFED_BYTES, binary_kind
from .missing import not_found
from .unpack.parts import kind_of

STDIN = "-"
_CHUNK = 1 << 20  # bytes
_GLOB = re.compile(r"[*?\[]")


class UnreadableError(CorpusError):
    """A file cannot be read; in a folder it is left out."""


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """One file of a source."""

    label: str
    """For messages to the user; may hold a path of this machine."""
    name: str
    """The base name, which may be published."""
    read: Callable[[int, Progress | None], Generator[bytes]]
    """Called as read(limit in bytes, progress); yields the content."""
    size: int | None = None
    found: bool = False
    """Whether it is from a folder or a glob, and may be left out; False if the user named it."""
    path: Path | None = None
    """The resolved path of a local file, equal for two names of one file."""
    modified_ns: int = 0
    """When a local file was last modified."""
    facts: download.Facts = field(default_factory=download.Facts)
    """The encoding and type that the server names for a file behind an address, once it is read."""


@dataclass
class SourceFiles:
    """The files of one source, and the files of its folders that are left out unread."""

    typed: str
    files: list[SourceFile] = field(default_factory=list)
    hidden: set[Path] = field(default_factory=set)
    binary: set[Path] = field(default_factory=set)
    broken: set[Path] = field(default_factory=set)
    unreadable: set[Path] = field(default_factory=set)
    outside: set[Path] = field(default_factory=set)
    """Links that lead out of the folder; a cloned folder may link to private files of this machine."""
    warnings: list[str] = field(default_factory=list)


def expand(typed: str) -> SourceFiles:
    """Returns the files of one source; CorpusError if it has none or is no source."""
    if typed == STDIN:
        return SourceFiles(typed, [SourceFile(label="standard input", name="stdin", read=_read_stdin)])
    scheme, separator, rest = typed.partition("://")
    if separator and scheme.lower() in ("http", "https"):
        url = f"{scheme.lower()}://{rest}"
        label, name = download.public_url(url), download.url_file_name(url)
        facts = download.Facts()
        read = partial(download.fetch_url, url, facts=facts)
        return SourceFiles(typed, [SourceFile(label=label, name=name, read=read, facts=facts)])
    if typed.startswith(hub_datasets.HUB_PREFIX):
        return _expand_hub(typed)
    if separator and scheme.isalnum():
        raise CorpusError(
            f"{one_line(typed)} cannot be read: a text is a file, a folder, a glob, -, http(s)://… "
            "or hf://datasets/OWNER/NAME/FILE.txt"
        )
    return _expand_local(typed)


def stamp(sources: Iterable[SourceFiles]) -> str:
    """Returns a hash of the paths, sizes and modification times of all local files.

    It changes when a local file is modified, added or removed. Remote files do not count.
    """
    local = [file for source in sources for file in source.files if file.path is not None]
    return hashlib.sha256(repr([(str(file.path), file.size, file.modified_ns) for file in local]).encode()).hexdigest()


def is_local(typed: str) -> bool:
    """Returns whether a source consists of files of this machine, which can be read again."""
    return typed != STDIN and "://" not in typed


def is_public(typed: str) -> bool:
    """Returns whether anyone can read a source: a dataset of the Hub that is neither private nor gated, or an address.

    An address with a user, a password, a query or a fragment may hold a secret, and does not count.
    """
    if typed.startswith(hub_datasets.HUB_PREFIX):
        return hub_datasets.is_public(hub_datasets.parse_hub_source(typed)[0])
    return "://" in typed and download.without_secrets(typed) == typed


def name_of(typed: str) -> str:
    """Returns a short name for a source, made of its base name, and valid as the name of a folder or a repo."""
    if typed == STDIN:
        base = "stdin"
    elif typed.lower().startswith(("http://", "https://")):
        base = Path(download.url_file_name(typed)).stem
    elif typed.startswith(hub_datasets.HUB_PREFIX):
        dataset, _, inside = hub_datasets.parse_hub_source(typed)
        base = dataset.partition("/")[2] if not inside or _GLOB.search(inside) else Path(inside).stem
    else:
        path = expanded_path(typed)
        while _GLOB.search(path.name) and _mode(path) is None:
            path = path.parent  # a glob is named after the folder that it searches
        if not path.name or path.name == "..":
            path = path.resolve()
        base = path.name if path.is_dir() else path.stem
    return re.sub(r"[^\w.-]+", "-", base).strip("-._")[:60] or "text"


def absolute_source(source: str) -> str:
    """Returns a source that does not depend on the working folder: local paths become absolute."""
    if not is_local(source):
        return source
    return os.path.abspath(os.path.expanduser(source))  # noqa: PTH100, PTH111  a glob is no path to resolve


# --- the Hub and standard input


def _expand_hub(typed: str) -> SourceFiles:
    source = SourceFiles(typed)
    inside = hub_datasets.parse_hub_source(typed)[2]
    for file in hub_datasets.hub_files(typed):
        if file.cached:
            source.warnings.append(f"the Hub cannot be reached: reading the cached copy of {file.label}")
        source.files.append(
            SourceFile(
                label=file.label,
                name=Path(file.path).name,
                read=partial(_read_hub, file),
                size=file.size,
                found=file.path != inside,
            )
        )
    return source


def _read_hub(file: hub_datasets.HubFile, limit: int, progress: Progress | None) -> Generator[bytes]:
    yield from _read_file(file.label, hub_datasets.fetch_hub(file, limit, progress), limit, None)


def _read_stdin(limit: int, progress: Progress | None) -> Generator[bytes]:
    label = "standard input"
    if sys.stdin is None:  # a program without a console
        raise CorpusError(f"there is no {label} to read: give a file")
    yield from download.limit_bytes(_chunks(label, sys.stdin.buffer), label, lambda: None, limit, progress)


# --- files, folders, globs


def _expand_local(typed: str) -> SourceFiles:
    if not typed.strip() or "\0" in typed:
        raise CorpusError(f"{typed!r} names no text: give a file, a folder, a glob, - or an address")
    path = expanded_path(typed)
    mode = _mode(path)
    source = SourceFiles(typed)
    if mode is not None and stat.S_ISDIR(mode):
        for file in _walk(typed, path, source):
            _add_found(one_line(str(Path(typed) / file.relative_to(path))), file, source)
    elif mode is not None:
        source.files.append(_local_file(one_line(typed), path))
    elif _GLOB.search(typed):
        _expand_glob(path, source)
    else:
        raise CorpusError(not_found(typed, path))
    return source


def expanded_path(typed: str | Path) -> Path:
    """Returns a path with ~ and ~USER replaced; unchanged if there is no such user."""
    try:
        return Path(typed).expanduser()
    except RuntimeError:  # there is no such user
        return Path(typed)


def _mode(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise _unreadable(one_line(str(path)), error) from error


def _unreadable(label: str, error: Exception) -> UnreadableError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
    return UnreadableError(f"{label} cannot be read ({one_line(reason)}): check its name and its permissions")


def _local_file(label: str, path: Path, found: bool = False) -> SourceFile:
    try:
        status = path.stat()
    except OSError as error:
        raise _unreadable(label, error) from error
    is_regular = stat.S_ISREG(status.st_mode)
    return SourceFile(
        label=label,
        name=path.name,
        read=partial(_read_file, label, path),
        size=status.st_size if is_regular else None,
        found=found,
        path=path.resolve(),
        modified_ns=status.st_mtime_ns if is_regular else 0,
    )


def _walk(label: str, folder: Path, source: SourceFiles, inside: Path | None = None) -> list[Path]:
    """Returns the files of a folder sorted by their path in it, so that every machine reads the same text.

    Links that lead out of the folder `inside`, by default the folder itself, are left out.
    """

    def leave_out(error: OSError) -> None:
        if error.filename is None or Path(error.filename) == folder:
            raise _unreadable(one_line(label), error)
        source.unreadable.add(Path(error.filename))

    paths: list[Path] = []
    entered: set[tuple[int, int]] = set()  # links to folders are followed, but not in circles
    inside = inside or folder.resolve()
    for root, folders, files in os.walk(folder, onerror=leave_out, followlinks=True):
        status = Path(root).stat()
        if (status.st_dev, status.st_ino) in entered:
            folders.clear()
            continue
        entered.add((status.st_dev, status.st_ino))
        source.hidden.update(Path(root) / name for name in (*folders, *files) if name.startswith("."))
        shown = {Path(root) / name for name in (*folders, *files) if not name.startswith(".")}
        outside = {path for path in shown if _leads_out(path, inside)}
        source.outside |= outside
        kept = shown - outside
        folders[:] = sorted(name for name in folders if Path(root) / name in kept)
        paths += (path for path in (Path(root) / name for name in files) if path in kept)
    return sorted(paths, key=lambda path: path.parts)


def _leads_out(path: Path, folder: Path) -> bool:
    """Returns whether a path is a link (on Windows, or a junction) to something outside the resolved folder."""
    is_link = path.is_symlink() or (sys.platform == "win32" and path.is_dir())
    return is_link and path.exists() and not _is_inside(path, folder)


def _is_inside(path: Path, folder: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(folder)  # Path.resolve raises on circular links


def _expand_glob(pattern: Path, source: SourceFiles) -> None:
    matches = glob.glob(str(pattern), recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern
    if not matches:
        raise CorpusError(f"no file matches {one_line(source.typed)}: check the pattern and the folder you are in")
    searched = next(folder for folder in pattern.parents if not _GLOB.search(str(folder))).resolve()
    paths: dict[Path, None] = {}  # `**` matches a folder and the files in it: each file counts once, in order
    for match in sorted(map(Path, matches), key=lambda path: path.parts):
        if not _is_inside(match, searched):
            source.outside.add(match)
        elif match.is_dir():
            paths.update(dict.fromkeys(_walk(str(match), match, source, searched)))
        else:
            paths[match] = None
    for path in paths:
        _add_found(one_line(str(path)), path, source)


def _add_found(label: str, path: Path, source: SourceFiles) -> None:
    """Adds a file of a folder, unless it cannot be read or is not text; archives and documents hold text."""
    try:
        mode = _mode(path)
        if mode is None and path.is_symlink():
            source.broken.add(path)
            return
        # A pipe, which may never end, counts as binary.
        beginning = _beginning(label, path) if mode is not None and stat.S_ISREG(mode) else b"\0"
        if binary_kind(beginning) is None or kind_of(beginning, path.name) is not None:
            source.files.append(_local_file(label, path, found=True))
        else:
            source.binary.add(path)
    except UnreadableError:
        source.unreadable.add(path)


# --- reading


def _beginning(label: str, path: Path) -> bytes:
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
            yield from download.limit_bytes(_chunks(label, file), label, lambda: size, limit, progress)
            after = os.fstat(file.fileno())
    except OSError as error:
        raise _unreadable(label, error) from error
    if size is not None and (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise CorpusError(f"{label} changed while it was read: wait until it is complete, or give a copy of it")


def _chunks(label: str, stream: BinaryIO) -> Generator[bytes]:
    """Yields a stream in pieces until it ends: the size of a pipe or a device is not known before."""
    try:
        while chunk := stream.read(_CHUNK):
            yield chunk
    except OSError as error:
        raise _unreadable(label, error) from error
