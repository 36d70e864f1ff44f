"""Writes files atomically, and makes scripts small.

Every reader finds either the old file or the new one, also after a power failure.
"""

from __future__ import annotations

import errno
import json
import os
import posixpath
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

PUBLIC_HUB = "https://huggingface.co"  # as in web/index.html
FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # the disk, the user's quota or the process's limit is reached
_IMPORT = re.compile(r'^(?:import|export)\b(?:[^"\';]*\bfrom)?\s*"(\.[^"]+)";', re.MULTILINE)


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yields a temporary path in the folder of `path`; when the block ends, that file is synced and renamed to `path`.

    If the block raises, `path` keeps its old content. The temporary file is removed in every case.

    Raises:
        OSError: the folder cannot be written, or the disk is full.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def atomic_write(path: Path, data: bytes) -> None:
    """Writes `data` to `path` atomically; raises OSError if the folder cannot be written, or the disk is full."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def web_content(path: Path) -> bytes:
    """Returns a file of `web/` as a browser gets it.

    Scripts have no comments and no spaces without a meaning; the bundles in `vendor/` are minified already. The static
    page has a tag for each module, so that a browser requests all of them at once.
    """
    if path.name == "index.html":
        tags = "".join(f'<link rel="modulepreload" href="{name}">\n' for name in web_modules(path.parent, "static.js"))
        return path.read_bytes().replace(b"<script type", f"{tags}<script type".encode(), 1)
    if path.suffix != ".js" or path.parent.name == "vendor":
        return path.read_bytes()
    import rjsmin  # only pages need it: it comes with the extras

    return str(rjsmin.jsmin(path.read_text(encoding="utf-8"))).encode()


def web_modules(folder: Path, entry: str) -> list[str]:
    """Returns the name of a module of `web/` and the names of all modules that it imports, also through others."""
    found = [entry]
    for name in found:  # the list grows meanwhile
        for address in _IMPORT.findall((folder / name).read_text(encoding="utf-8")):
            imported = posixpath.normpath(posixpath.join(posixpath.dirname(name), address))
            if imported not in found:
                found.append(imported)
    return found


def json_bytes(value: Mapping[str, Any]) -> bytes:
    """Returns `value` as UTF-8 JSON with one field per line and a newline at the end; NaN raises ValueError."""
    return (json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1) + "\n").encode()


def json_lines(records: Iterable[Mapping[str, Any]]) -> bytes:
    """Returns records as JSON, one a line: the content of metrics.jsonl or samples.jsonl."""
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def sync_folder(folder: Path) -> None:
    """Syncs the names in a folder to disk, where the operating system can (Windows cannot)."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
