"""Imports go one way, and calls of one operating system are in few modules."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
MODULES = [
    ROOT / "app.py",
    *(path for name in ("model", "training", "ui", "deploy") for path in (ROOT / name).rglob("*.py")),
]
SYSTEM_MODULES = {  # where calls that not every operating system has may be made
    "model/backends/device.py",
    "model/files.py",
    "training/os_calls.py",
}
SYSTEM_CALL = re.compile(
    r"""\b(fcntl|msvcrt|SIGHUP|SIGKILL|posix_fallocate|madvise|start_new_session|creationflags|sysconf|CDLL)\b"""
    r"""|\b(CLOCK_BOOTTIME|os\.fork|os\.symlink|symlink_to|readlink|getuid|geteuid)\b|["'/]/?proc/"""
    r"""|^import (resource|pwd|termios)\b"""
)


def test_imports_go_one_way() -> None:
    """The order of the layers stands in pyproject.toml, under importlinter."""
    program = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


def test_calls_of_one_operating_system_are_in_few_modules() -> None:
    """A call that Windows or macOS lacks ends the program there; in one module it can be seen and guarded."""
    found = {
        (name, line.strip())
        for path in MODULES
        if (name := path.relative_to(ROOT).as_posix()) not in SYSTEM_MODULES
        for line in path.read_text(encoding="utf-8").splitlines()
        if SYSTEM_CALL.search(line)
    }
    assert found == set()
