"""The rules of the layout: what a folder holds, how long a module is, which way imports go."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGES = sorted(
    path.parent for name in ("model", "training", "ui", "deploy") for path in (ROOT / name).rglob("__init__.py")
)
MODULES = sorted(
    path
    for name in ("model", "training", "ui", "deploy")
    for path in (ROOT / name).rglob("*.py")
    if path.parent.name != "root"
)
MAX_MODULES = 14  # in a folder
MAX_LINES = 350  # of a module
MAX_FUNCTION = 60  # lines
STILL_TOO_LONG: set[str] = set()  # to be split; nothing may be added
SYSTEM_MODULES = {  # where calls that not every operating system has may be made
    "model/backends/device.py",
    "model/files.py",
    "training/system.py",
}
SYSTEM_CALL = re.compile(
    r"""\b(fcntl|msvcrt|SIGHUP|SIGKILL|posix_fallocate|madvise|start_new_session|creationflags|sysconf|CDLL)\b"""
    r"""|\b(CLOCK_BOOTTIME|os\.fork|os\.symlink|symlink_to|readlink|getuid|geteuid)\b|["'/]/?proc/"""
    r"""|^import (resource|pwd|termios)\b"""
)
DATA = {"root", "__pycache__"}  # folders that are no packages


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("package", PACKAGES, ids=shown)
def test_the_docstring_of_a_package_lists_its_modules(package: Path) -> None:
    docstring = ast.get_docstring(ast.parse((package / "__init__.py").read_text(encoding="utf-8"))) or ""
    listed = re.findall(r"^(\w+)  +\S", docstring, re.MULTILINE)
    modules = {path.stem for path in package.glob("*.py") if not path.stem.startswith("__")}
    folders = {path.name for path in package.iterdir() if path.is_dir()} - DATA
    assert len(listed) == len(set(listed))
    assert set(listed) == modules | folders
    assert docstring.splitlines()[0].endswith(".")


@pytest.mark.parametrize("package", PACKAGES, ids=shown)
def test_a_folder_holds_few_modules(package: Path) -> None:
    assert len([path for path in package.glob("*.py") if path.stem != "__init__"]) <= MAX_MODULES


@pytest.mark.parametrize("path", [ROOT / "app.py", *MODULES], ids=shown)
def test_a_module_is_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    functions = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = [n.name for n in functions if n.end_lineno and n.end_lineno - n.lineno >= MAX_FUNCTION]
    too_long = bool(long) or len(text.splitlines()) > MAX_LINES
    assert too_long == (shown(path) in STILL_TOO_LONG), long


def test_a_folder_of_scripts_holds_few_modules_and_each_is_short() -> None:
    folders = [ROOT / "web", *(path for path in (ROOT / "web").rglob("*") if path.is_dir())]
    for folder in folders:
        if folder.name == "vendor":
            continue  # bundles, which a tool writes
        scripts = sorted(folder.glob("*.js"))
        assert len(scripts) <= MAX_MODULES, shown(folder)
        for path in scripts:
            assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES, shown(path)


def test_the_folders_of_the_scripts_are_listed() -> None:
    listed = (ROOT / "web" / "README.md").read_text(encoding="utf-8")
    assert {path.name for path in (ROOT / "web").iterdir() if path.is_dir()} == set(re.findall(r"`(\w+)/`", listed))


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


@pytest.mark.parametrize("path", [ROOT / "app.py", *MODULES], ids=shown)
def test_calls_of_one_operating_system_are_in_few_modules(path: Path) -> None:
    """A call that Windows or macOS lacks ends the program there; in one module it can be seen and guarded."""
    if shown(path) in SYSTEM_MODULES:
        return
    found = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if SYSTEM_CALL.search(line)]
    assert found == []
