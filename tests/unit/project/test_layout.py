"""The rules of the layout: what a folder holds, how long a module is, which way imports go."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys

from tests.unit.project.sources import PACKAGES, ROOT, modules, parsed, shown

MODULES = [ROOT / "app.py", *modules(*PACKAGES)]
FOLDERS = sorted(path.parent for path in MODULES if path.name == "__init__.py")
MAX_MODULES = 14  # in a folder
MAX_LINES = 350  # of a module
MAX_FUNCTION = 60  # lines
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
DATA = {"root", "__pycache__"}  # folders that are no packages


def test_the_docstring_of_a_package_lists_its_modules() -> None:
    for folder in FOLDERS:
        docstring = ast.get_docstring(parsed(folder / "__init__.py")) or ""
        listed = re.findall(r"^(\w+)  +\S", docstring, re.MULTILINE)
        names = {path.stem for path in folder.glob("*.py") if not path.stem.startswith("__")}
        folders = {path.name for path in folder.iterdir() if path.is_dir()} - DATA
        assert sorted(listed) == sorted(names | folders), shown(folder)
        assert docstring.splitlines()[0].endswith("."), shown(folder)


def test_a_folder_holds_few_modules() -> None:
    counts = {shown(folder): len([*folder.glob("*.py")]) - 1 for folder in FOLDERS}
    assert {folder: count for folder, count in counts.items() if count > MAX_MODULES} == {}


def test_a_module_is_short() -> None:
    long = set()
    for path in MODULES:
        functions = [n for n in ast.walk(parsed(path)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
        too_long = [n.name for n in functions if n.end_lineno and n.end_lineno - n.lineno >= MAX_FUNCTION]
        lines = len(path.read_text(encoding="utf-8").splitlines())
        long |= {(shown(path), name) for name in too_long} | ({(shown(path), lines)} if lines > MAX_LINES else set())
    assert long == set()


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


def test_calls_of_one_operating_system_are_in_few_modules() -> None:
    """A call that Windows or macOS lacks ends the program there; in one module it can be seen and guarded."""
    found = {
        (shown(path), line.strip())
        for path in MODULES
        if shown(path) not in SYSTEM_MODULES
        for line in path.read_text(encoding="utf-8").splitlines()
        if SYSTEM_CALL.search(line)
    }
    assert found == set()
