"""One file that a user typed, or that was found in a folder or a dataset, and how to read it."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Generator
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from model.terminal import one_line

from .decode import CHUNK, LeftOutError


@dataclass(kw_only=True)
class SourceFile:
    """One file of a source, or in an archive."""

    label: str  # for messages to the user; may hold a path of this machine
    name: str  # the base name, which may be published
    read: Callable[[SourceFile], Generator[bytes]]
    """Yields the content of this file in chunks of 1 MB; sets its size and what the headers of a response say."""
    found: bool = False
    """Whether it is from a folder, a glob or an archive, and may be left out; False if the user named it."""
    size: int | None = None  # in bytes; None if it is not known
    charset: str = ""  # the encoding according to the server
    is_web_page: bool = False  # according to the server


@dataclass
class SourceFiles:
    """The files of one source, and the files of its folders that are left out unread."""

    typed: str
    files: list[SourceFile] = field(default_factory=list)
    left_out: dict[str, set[Path]] = field(default_factory=lambda: defaultdict(set))  # by the reason


def read_path(path: Path | None, file: SourceFile) -> Generator[bytes]:
    """Yields a file, or standard input for None, until it ends: a pipe's size is unknown. Raises LeftOutError."""
    try:
        with path.open("rb") if path else nullcontext(sys.stdin.buffer) as stream:
            file.size = path.stat().st_size or None if path else None  # that of a pipe is not known
            yield from iter(partial(stream.read, CHUNK), b"")
    except OSError as error:
        reason = one_line(error.strerror or type(error).__name__)
        raise LeftOutError(f"{file.label} cannot be read ({reason}): check its name and its permissions") from error
