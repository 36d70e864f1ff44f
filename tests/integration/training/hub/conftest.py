"""A finished run for all tests of a module, and the checkpoint folders that tests write themselves."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.tiny_runs import SIZES, write_text
from training.__main__ import main


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two evaluations that was never pushed."""
    folder = tmp_path_factory.mktemp("trained")
    text, run = write_text(folder), folder / "run"
    assert main([str(text), *SIZES, "--steps=4", "--set=evaluations=2", f"--out={run}"]) == 0
    return run


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A copy of that run."""
    return Path(shutil.copytree(trained, tmp_path / "run"))
