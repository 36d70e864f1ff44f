"""Where the project's sources are, and how the tests of its rules read them."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[3]
PACKAGES = ("model", "training", "ui", "deploy")


def shown(path: Path) -> str:
    """Return a path as it is written in lists and messages: relative to the root, with forward slashes."""
    return path.relative_to(ROOT).as_posix()


def modules(*folders: str) -> list[Path]:
    """Returns the Python files of some folders."""
    return sorted(path for name in folders for path in (ROOT / name).rglob("*.py"))


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))
