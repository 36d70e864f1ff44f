"""A repo of the local Hub with a model, and the files of another one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.local_hub import LocalHub
from tests.support.tiny_models import saved_files, tiny_model

REPO = "ada/tiny"
Files = dict[str, bytes]


@pytest.fixture
def old(tmp_path: Path) -> Files:
    return saved_files(tiny_model(seed=1), tmp_path / "old")


@pytest.fixture
def new(tmp_path: Path) -> Files:
    """Another architecture and alphabet: a file of each would never fit the other."""
    return saved_files(tiny_model("abc\n", hidden=7, layers=1, seed=2), tmp_path / "new")


@pytest.fixture
def commit(hub: LocalHub, old: Files) -> str:
    """The commit of a repo that holds the old model."""
    return hub.add_repo(REPO, old).branches["main"]
