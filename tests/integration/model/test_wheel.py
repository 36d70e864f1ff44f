"""The wheel: built, unpacked into a folder, and used there by processes that do not see the checkout."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

from model import PRETRAINED, CharLSTM, generate
from tests.support.tiny_runs import ROOT

PAGE = ROOT / "docs" / "python.md"
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:^```text\n(.*?)^```\n)?", re.DOTALL | re.MULTILINE)
# Runs blocks of Python, prints `BETWEEN` after the output of each, then runs the command line as -m does.
BETWEEN = "\x1e"
PROGRAM = f"""
import json, runpy, sys
blocks, names = json.loads(sys.argv[1]), {{}}
for code in blocks:
    exec(code, names)
    print({BETWEEN!r}, end="")
del sys.argv[1]
runpy.run_module("char_lstm", run_name="__main__", alter_sys=True)
"""
COMMAND = ("generate", "ROMEO:", "--length=20", "--seed=1")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, because a build leaves files behind."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "model", folder / "model", ignore=shutil.ignore_patterns("__pycache__"))
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "-q"]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, ".", "-w", "out"], cwd=folder, check=True)
    (made,) = (folder / "out").iterdir()
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Path:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(wheel.parent / "site")
    return wheel.parent / "site"


def run(installed: Path, cwd: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Runs Python with the wheel and its dependencies, but without the checkout and without numba."""
    plain = {"PYTHONPATH": str(installed), "CHAR_LSTM_COMPILE": "0"}
    environment = {**os.environ, **plain, **more}
    return subprocess.run(
        [sys.executable, *words], cwd=cwd, env=environment, capture_output=True, text=True, timeout=120
    )


def test_the_wheel_holds_the_package_and_the_bundled_model_only(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        (about,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        metadata = HeaderParser().parsestr(archive.read(about).decode())
    here = {*(ROOT / "model").rglob("*.py"), *PRETRAINED.iterdir(), ROOT / "model" / "py.typed"}
    assert names == {f"char_lstm/{path.relative_to(ROOT / 'model').as_posix()}" for path in here}
    needs = {re.split(r"[<>=]", line)[0]: line for line in metadata.get_all("Requires-Dist", [])}
    assert {name for name, line in needs.items() if "extra" not in line} == {"torch", "safetensors", "numpy"}
    assert {name for name, line in needs.items() if "extra" in line} == {"huggingface_hub", "numba"}


def test_the_dependencies_are_those_of_requirements_txt() -> None:
    """The version ranges are in two files, and must be equal."""
    pattern = re.compile(r"\b(torch|safetensors|numpy|huggingface_hub|numba)(>=[\d.]+,<\d+)")
    asked = [dict(pattern.findall((ROOT / name).read_text())) for name in ("pyproject.toml", "requirements.txt")]
    assert asked[0] == asked[1]
    assert len(asked[0]) == 5


def test_every_example_of_the_docs_and_the_command_line_run_with_the_wheel(installed: Path, tmp_path: Path) -> None:
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    assert len(blocks) == PAGE.read_text(encoding="utf-8").count("```python") >= 7
    done = run(installed, tmp_path, "-c", PROGRAM, json.dumps([code for code, _ in blocks]), *COMMAND)
    assert done.returncode == 0, done.stderr
    *printed, written = done.stdout.split(BETWEEN)
    for (_, shown), really in zip(blocks, printed, strict=True):
        assert not shown or really == shown
    lm = CharLSTM.from_pretrained(PRETRAINED)
    assert printed[1] == generate(lm, "ROMEO:", 60, temperature=0.8, seed=1)
    assert len(printed[4].splitlines()) == len(lm.cells) > 0
    assert (tmp_path / "mine" / "manifest.json").exists()
    assert written == generate(lm, "ROMEO:", 20, seed=1)
    (line,) = done.stderr.splitlines()
    assert "20 characters" in line
