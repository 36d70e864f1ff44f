from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.tiny_models import tiny_model


@pytest.fixture(autouse=True)
def _no_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skips fsync: these files need not survive a power cut, and a thousand syncs take long."""
    monkeypatch.setattr("os.fsync", lambda _: None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A valid checkpoint of a few kilobytes."""
    tiny_model("ab\n", hidden=3, layers=1).save_pretrained(tmp_path / "good")
    return tmp_path / "good"
