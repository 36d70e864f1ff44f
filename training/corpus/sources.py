"""Finds the files of one source that a user typed: their labels, their base names, and how to read them.

No file is opened here, so that a missing one is reported before a large one is downloaded. A file that the user named
must be text; one that was `found` in a folder or by a glob may be left out.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from model.checkpoint.bundled import bundled_name
from model.terminal import one_line

from .decode import UNREADABLE, CorpusError
from .download import (
    HUB_PREFIX,
    hub_files,
    is_public_dataset,
    parse_hub_source,
    url_file_name,
    web_file,
    without_secrets,
)
from .source_file import SourceFile, SourceFiles, read_path

STDIN = "-"
_GLOB = re.compile(r"[*?\[]")


def expand(typed: str) -> SourceFiles:
    """Returns the files of one source; CorpusError if it has none."""
    scheme, separator, rest = typed.partition("://")
    if typed == STDIN:
        return SourceFiles(typed, [SourceFile(label="standard input", name="stdin", read=partial(read_path, None))])
    if separator and scheme.lower() in ("http", "https"):
        return SourceFiles(typed, [web_file(f"{scheme.lower()}://{rest}")])
    if typed.startswith(HUB_PREFIX):
        return hub_files(typed)
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
    if typed.startswith(HUB_PREFIX):
        return is_public_dataset(parse_hub_source(typed)[0])
    return "://" in typed and without_secrets(typed) == typed


def name_of(typed: str) -> str:
    """Returns a short name for a source, made of its base name, and valid as the name of a folder or a repo."""
    if typed == STDIN:
        base = "stdin"
    elif typed.lower().startswith(("http://", "https://")):
        base = Path(url_file_name(typed)).stem
    elif typed.startswith(HUB_PREFIX):
        dataset, _, inside = parse_hub_source(typed)
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
    return Path(os.path.expanduser(typed))  # noqa: PTH111  Path.expanduser raises an error then


def _expand_local(typed: str) -> SourceFiles:
    if not typed.strip():
        raise CorpusError(f"{typed!r} names no text: give a file, a folder, a glob, - or an address")
    label, path, source = one_line(typed), expanded_path(typed), SourceFiles(typed)
    matches = [path]
    if not os.path.exists(path):  # noqa: PTH110  raises no error
        if not _GLOB.search(typed):
            raise CorpusError(_not_found(typed, label))
        matches = [Path(match) for match in glob.glob(str(path), recursive=True)]  # noqa: PTH207  Path.glob takes no /
        if not matches:
            raise CorpusError(f"no file matches {label}: check the pattern and the folder you are in")
    elif not path.is_dir():
        return SourceFiles(typed, [SourceFile(label=label, name=path.name, read=partial(read_path, path))])
    matches.sort(key=lambda match: match.parts)
    # `**` matches a folder and the files in it: each file counts once.
    found = dict.fromkeys(file for match in matches for file in _walk(match, source, path))
    for file in found:
        read = partial(read_path, file)
        source.files.append(SourceFile(label=one_line(str(file)), name=file.name, read=read, found=True))
    return source


def _walk(path: Path, source: SourceFiles, typed: Path) -> Iterator[Path]:
    """Yields a file, or the files of a folder sorted by their path in it: every machine reads the same text.

    Links are left out, but not the path that the user typed: a cloned folder may link to private files of this machine.
    """
    if path.is_symlink() and path != typed:
        source.left_out["linked"].add(path)
    elif path.is_file():
        yield path
    elif not path.is_dir():
        source.left_out[UNREADABLE].add(path)  # a pipe, which may never end
    else:
        try:
            names = sorted(os.listdir(path))  # noqa: PTH208  the names are what is sorted
        except OSError:
            source.left_out[UNREADABLE].add(path)
            return
        for name in names:
            if name.startswith("."):
                source.left_out["hidden"].add(path / name)
            else:
                yield from _walk(path / name, source, typed)


def _not_found(typed: str, label: str) -> str:
    """Returns the message for a path that does not exist, with the most likely correction."""
    if bundled_name(typed) is not None:
        return f"{label} is a model, not a text: to train from it, use --from {label}"
    advice = "check the name and the folder you are in"
    if re.fullmatch(r"[\w.-]+/[\w.-]+", typed, re.ASCII):
        advice += f"; for a dataset on the Hub, write hf://datasets/{label}"
    return f"there is no file or folder {label}: {advice}"
