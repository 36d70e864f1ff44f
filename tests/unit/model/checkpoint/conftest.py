from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.tiny_models import tiny_model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A valid checkpoint of a few kilobytes."""
    tiny_model("ab\n", hidden=3, layers=1).save_pretrained(tmp_path / "good")
    return tmp_path / "good"
