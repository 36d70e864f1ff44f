"""Imports go one way, and calls of one operating system are in few modules."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
MODULES = [
    ROOT / "app.py",
    *(path for name in ("char_lstm", "model", "training", "ui", "deploy") for path in (ROOT / name).rglob("*.py")),
]
SYSTEM_MODULES = {  # where calls that not every operating system has may be made
    "model/backends/device.py",
    "model/files.py",
    "training/os_calls.py",
}
SYSTEM_CALL = re.compile(
    r"""\b(fcntl|msvcrt|SIGHUP|SIGKILL|posix_fallocate|start_new_session|creationflags|sysconf|CDLL)\b"""
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


# State of Gradio, uvicorn and Starlette that is not documented: it changes with their minor versions.
INTERNAL = {
    *("middleware_stack", "pending_messages_per_session", "pending_event_ids_session", "event_ids_to_events"),
    *("LocalContext", "http_protocol_class", "fns", "server_app", "mcp_server_obj"),
}


def test_the_app_uses_only_public_names_of_its_libraries() -> None:
    found = []
    for path in MODULES:
        source, own = path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix()
        if not own.startswith(("app.py", "ui/", "deploy/", "model/hub/", "training/hub/")):
            continue
        for node in ast.walk(ast.parse(source)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            if isinstance(node, ast.Attribute) and not (isinstance(node.value, ast.Name) and node.value.id == "self"):
                names = [node.attr]
            private = [name for name in names if re.match("_[^_]", name) and not _is_own(source, name)]
            found += [(own, name) for name in [*private, *(INTERNAL & set(names))]]
    assert found == []


def _is_own(source: str, name: str) -> bool:
    """Whether a module defines a name itself, or it is one of NamedTuple's methods, which begin with _ by design."""
    return name == "_asdict" or bool(re.search(rf"(def |class |self\.){name}\b", source))


def test_what_programs_may_rely_on_is_documented():
    """The names of the package, the arguments of the API, and the variables that the app reads."""
    import model
    from app import parse_options
    from ui.routes.api import Argument, _generate_arguments
    from ui.site_config import SiteConfig

    docs = {name: (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8") for name in ("stable", "api", "serve")}
    (listed,) = re.findall(r"## Python\n(.*?)\n## ", docs["stable"], re.DOTALL)
    names = {name for row in re.findall(r"^\| (`.*?) \|", listed, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    assert names == {*model.__all__}
    in_api = {name for code in re.findall(r"`([^`\n]+)`", docs["api"]) for name in re.findall(r"\w+", code)}
    assert set(_generate_arguments(Argument(str, ""))) <= in_api
    read = Recorder()
    parse_options([], read)
    SiteConfig.of(read)
    assert len(read.names) > 10
    assert [name for name in read.names - {"SPACE_ID"} if f"`{name}`" not in docs["serve"]] == []


class Recorder(dict[str, str]):
    """An empty environment that records the names of the variables that are read."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def get(self, name, default=None):
        self.names.add(name)
        return default

    def __contains__(self, name) -> bool:
        self.names.add(name)
        return False
