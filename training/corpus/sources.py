"""Finds the files of one source that a user typed: their labels, their base names, and how to read them.

Only the beginnings of a folder's files are read here, so that a missing file is reported before a large one is
downloaded. A file that the user named must be text; one that was `found` in a folder or by a glob may be left out.
"""

from __future__ import annotations

import difflib
import glob
import os
import re
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from model.checkpoint.bundled import bundled_name
from model.terminal import one_line

from . import hub_datasets
from .decode import UNREADABLE, CorpusError
from .download import url_file_name, web_file, without_secrets
from .file_kinds import SNIFFED_BYTES, file_kind
from .source_file import SourceFile, SourceFiles, read_path, unreadable

STDIN = "-"
_GLOB = re.compile(r"[*?\[]")
_SIMILARITY = 0.7  # of two names, by difflib's ratio; from it on one is suggested for the other


def expand(typed: str) -> SourceFiles:
    """Returns the files of one source; CorpusError if it has none."""
    scheme, separator, rest = typed.partition("://")
    if typed == STDIN:
        return SourceFiles(typed, [SourceFile(label="standard input", name="stdin", read=partial(read_path, None))])
    if separator and scheme.lower() in ("http", "https"):
        return SourceFiles(typed, [web_file(f"{scheme.lower()}://{rest}")])
    if typed.startswith(hub_datasets.HUB_PREFIX):
        return hub_datasets.hub_files(typed)
    if separator and scheme.isalnum():
        raise CorpusError(
            f"{one_line(typed)} cannot be read: a text is a file, a folder, a glob, -, http(s)://… "
            "or hf://datasets/OWNER/NAME/FILE.txt"
        )
    return _expand_local(typed)


def is_public(typed: str) -> bool:
    """Returns whether anyone can read a source: a dataset of the Hub that is neither private nor gated, or an address.

    An address with a user, a password, a query or a fragment may hold a secret, and does not count.
    """
    if typed.startswith(hub_datasets.HUB_PREFIX):
        return hub_datasets.is_public(hub_datasets.parse_hub_source(typed)[0])
    return "://" in typed and without_secrets(typed) == typed


def name_of(typed: str) -> str:
    """Returns a short name for a source, made of its base name, and valid as the name of a folder or a repo."""
    if typed == STDIN:
        base = "stdin"
    elif typed.lower().startswith(("http://", "https://")):
        base = Path(url_file_name(typed)).stem
    elif typed.startswith(hub_datasets.HUB_PREFIX):
        dataset, _, inside = hub_datasets.parse_hub_source(typed)
        base = dataset.partition("/")[2] if not inside or _GLOB.search(inside) else Path(inside).stem
    else:
        path = expanded_path(typed)
        while _GLOB.search(path.name) and not os.path.exists(path):  # noqa: PTH110  raises no error
            path = path.parent  # a glob is named after the folder that it searches
        if not path.name or path.name == "..":
            path = path.resolve()
        base = path.name if path.is_dir() else path.stem
    return re.sub(r"[^\w.-]+", "-", base).strip("-._")[:60] or "text"


def absolute_source(source: str) -> str:
    """Returns a source that does not depend on the working folder: local paths become absolute."""
    if source == STDIN or "://" in source:
        return source
    return os.path.abspath(os.path.expanduser(source))  # noqa: PTH100, PTH111  a glob is no path to resolve


def expanded_path(typed: str | Path) -> Path:
    """Returns a path with ~ and ~USER replaced; unchanged if there is no such user."""
    try:
        return Path(typed).expanduser()
    except RuntimeError:  # there is no such user
        return Path(typed)


def _expand_local(typed: str) -> SourceFiles:
    if not typed.strip() or "\0" in typed:
        raise CorpusError(f"{typed!r} names no text: give a file, a folder, a glob, - or an address")
    path, source = expanded_path(typed), SourceFiles(typed)
    matches, inside = [path], path
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        status = None
    except (OSError, ValueError) as error:
        raise unreadable(one_line(typed), error) from error
    if status is not None and not stat.S_ISDIR(status.st_mode):
        return SourceFiles(typed, [_local_file(one_line(typed), path, status)])
    if status is None:
        if not _GLOB.search(typed):
            raise CorpusError(_not_found(typed, path))
        matches = [Path(match) for match in glob.glob(str(path), recursive=True)]  # noqa: PTH207  Path.glob takes no /
        inside = next(parent for parent in path.parents if not _GLOB.search(str(parent)))
        if not matches:
            raise CorpusError(f"no file matches {one_line(typed)}: check the pattern and the folder you are in")
    entered: set[str] = set()
    matches.sort(key=lambda match: match.parts)
    # `**` matches a folder and the files in it: each file counts once.
    for file in dict.fromkeys(file for match in matches for file in _walk(match, source, inside.resolve(), entered)):
        _add_found(file, source)
    return source


def _walk(path: Path, source: SourceFiles, inside: Path, entered: set[str]) -> Iterator[Path]:
    """Yields a file, or the files of a folder sorted by their path in it: every machine reads the same text.

    Links that lead out of the folder `inside` are left out: a cloned folder may link to private files of this machine.
    Other links are followed, but not in circles: a folder in `entered` is not read again.
    """
    target = os.path.realpath(path)
    if not Path(target).is_relative_to(inside) and os.path.exists(target):  # noqa: PTH110  raises no error
        source.left_out["linked from outside the folder"].add(path)
    elif not os.path.isdir(target):  # noqa: PTH112  raises no error
        yield path
    elif target not in entered:
        entered.add(target)
        try:
            names = sorted(os.listdir(path))  # noqa: PTH208  the names are what is sorted
        except OSError:
            source.left_out[UNREADABLE].add(path)
            return
        for name in names:
            if name.startswith("."):
                source.left_out["hidden"].add(path / name)
            else:
                yield from _walk(path / name, source, inside, entered)


def _add_found(path: Path, source: SourceFiles) -> None:
    """Adds a file of a folder, unless it cannot be read or is not text; archives and documents hold text."""
    reason = "binary"  # so is a pipe, which may never end
    try:
        status = path.stat()
        if stat.S_ISREG(status.st_mode):
            with path.open("rb") as file:
                kind = file_kind(file.read(SNIFFED_BYTES), path.name)
            if kind is None or kind.unpack:
                source.files.append(_local_file(one_line(str(path)), path, status, found=True))
                return
    except FileNotFoundError:
        reason = "linked to a missing file"
    except OSError:
        reason = UNREADABLE
    source.left_out[reason].add(path)


def _local_file(label: str, path: Path, status: os.stat_result, found: bool = False) -> SourceFile:
    size = status.st_size if stat.S_ISREG(status.st_mode) else None
    return SourceFile(label=label, name=path.name, read=partial(read_path, path), found=found, size=size)


def _not_found(typed: str, path: Path) -> str:
    """Returns the message for a path that does not exist, with the most likely correction."""
    label = one_line(typed)
    if bundled_name(typed) is not None:
        return f"{label} is a model, not a text: to train from it, use --from {label}"
    message = f"there is no file or folder {label}"
    try:  # suffixes are ignored: a common one makes no two names similar
        names = {Path(entry.name).stem.casefold(): entry.name for entry in sorted(path.parent.iterdir())}
    except OSError:
        names = {}
    if close := difflib.get_close_matches(path.stem.casefold(), names, 1, _SIMILARITY):
        return f"{message}: is it {one_line(str(Path(typed).with_name(names[close[0]])))}?"
    if re.fullmatch(r"[\w.-]+/[\w.-]+", typed, re.ASCII):
        return f"{message}: for a dataset on the Hub, write hf://datasets/{label}"
    return f"{message}: check the name and the folder you are in"
