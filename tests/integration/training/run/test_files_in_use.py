"""Training where files that are open or mapped can be neither renamed nor deleted, as on Windows."""

import errno
import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from model import CharLSTM
from tests.support.tiny_runs import SIZES, write_text
from training.__main__ import main


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


def checked(call: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a function of os that raises PermissionError for files in use, as on Windows."""

    def wrapped(*paths: Any, **options: Any) -> Any:
        for path in paths:
            if isinstance(path, str | Path) and os.path.realpath(path) in files_in_use():
                raise PermissionError(errno.EACCES, "The file is being used by another process", str(path))
        return call(*paths, **options)

    return wrapped


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to see which files are in use")
def test_a_run_trains_and_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_text(tmp_path)
    for name in ("replace", "rename", "unlink", "remove"):
        monkeypatch.setattr(os, name, checked(getattr(os, name)))
    assert main(["text.txt", *SIZES, "--steps=4", "--set=evaluations=2", "--out=run"]) == 0
    assert CharLSTM.from_pretrained(tmp_path / "run").training["step"] == 4
    assert main(["--resume=run"]) == 0
    gc.collect()  # the runs before map the text until they are collected; a process of its own would have ended
    assert main(["text.txt", "--resume=run"]) == 0  # reads the text again and replaces its copy
    assert not list((tmp_path / "run").glob(".*"))
