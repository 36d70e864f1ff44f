"""Simulates on Linux how Windows treats files that are in use: renaming, replacing and deleting them is refused."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def files_in_use() -> set[str]:
    """Returns the paths of the files that this process has open or mapped into memory (reads /proc)."""
    paths = set()
    for handle in Path("/proc/self/fd").iterdir():
        try:
            paths.add(str(handle.readlink()))
        except OSError:  # the handle of this very listing
            continue
    for line in Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines():
        paths.add(line.partition("/")[1] + line.partition("/")[2])
    return paths


def refuse_files_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes os.replace, rename, unlink and remove, and the methods of Path, raise PermissionError as on Windows."""
    for owner, names in ((os, ("replace", "rename", "unlink", "remove")), (Path, ("replace", "rename", "unlink"))):
        for name in names:
            monkeypatch.setattr(owner, name, _checked(getattr(owner, name)))


def _checked(call: Callable[..., Any]) -> Callable[..., Any]:
    def checked(*paths: Any, **options: Any) -> Any:
        for path in paths:
            if isinstance(path, str | Path) and os.path.realpath(path) in files_in_use():
                text = "The process cannot access the file because it is being used by another process"
                raise PermissionError(errno.EACCES, text, str(path))
        return call(*paths, **options)

    return checked
