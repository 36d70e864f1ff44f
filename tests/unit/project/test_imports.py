"""The directions of imports between the packages."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.project.sources import ROOT, modules, parsed, shown

pytestmark = pytest.mark.slow


HEAVY = ("gradio", "huggingface_hub", "matplotlib", "playwright", "pytest")
FORBIDDEN = {
    "model": {"model", "training", "ui", "app", "tests", "gradio", "matplotlib"},
    "training": {"ui", "app", "tests", "gradio", "spaces"},
    "ui": {"training", "app", "tests", "matplotlib"},
}


def imports(path: Path, *, deferred: bool = True) -> Iterator[tuple[int, str]]:
    """(level, module) of each import: level 0 is absolute. Without ``deferred`` only those that run at import."""
    tree = parsed(path)
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if not deferred and id(node) in inside:
            continue
        if isinstance(node, ast.Import):
            yield from ((0, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.level, node.module
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.level, alias.name) for alias in node.names)


def packages(path: Path, *, deferred: bool = True) -> set[str]:
    """The top packages that a file imports absolutely."""
    return {name.partition(".")[0] for level, name in imports(path, deferred=deferred) if level == 0}


def test_packages_import_only_what_they_may() -> None:
    """A wheel installs ``model`` as char_lstm, so it does not call itself by its name."""
    for folder, forbidden in FORBIDDEN.items():
        for path in modules(folder):
            assert not packages(path) & forbidden, shown(path)
    assert not packages(ROOT / "app.py") & {"training", "tests", "matplotlib"}


def test_model_imports_the_hub_client_only_when_needed() -> None:
    assert [shown(path) for path in modules("model") if "huggingface_hub" in packages(path, deferred=False)] == []


def test_the_model_works_without_the_hub_gradio_or_training(tmp_path):
    """In a process of its own, where importing any of them fails."""
    program = f"""
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {(*HEAVY, "training", "ui", "app")!r}:
            raise ImportError(f"{{name}} must not be imported")

sys.meta_path.insert(0, Refuse())
sys.path.insert(0, {str(ROOT)!r})
import torch
import model
tokenizer = model.CharTokenizer.from_text("ab\\n")
lm = model.CharLSTM(model.LSTMNetwork(model.LSTMConfig(3, 4, 5, 1)).eval(), tokenizer)
lm.save_pretrained({str(tmp_path / "x")!r})
lm = model.CharLSTM.from_pretrained({str(tmp_path / "x")!r})
text = model.generate(lm, "a", 10, seed=1)
print(len(text), model.score(lm, text).characters)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["10", "10"], "")


def test_every_module_can_be_imported():
    for path in [*modules("model", "training", "ui"), ROOT / "app.py"]:
        importlib.import_module(shown(path).removesuffix(".py").removesuffix("/__init__").replace("/", "."))


def test_importing_prints_nothing_and_starts_nothing(tmp_path):
    program = (
        f"import sys, threading; sys.path.insert(0, {str(ROOT)!r}); import model, model.__main__, training; "
        "assert threading.active_count() == 1"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


def test_every_public_name_of_the_model_exists():
    import model

    assert all(getattr(model, name) is not None for names in model._EXPORTS.values() for name in names)
    with pytest.raises(AttributeError, match="no attribute 'Missing'"):
        model.Missing  # noqa: B018
