"""Every fault of a Hub, in each of its uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.conftest import Here, here
from tests.local_hub import LocalHub
from tests.support.hub_faults import CELLS, FaultCheck

__all__ = ["here"]


@pytest.mark.parametrize(("way", "fault"), CELLS)
def test_nothing_is_lost_and_nothing_waits_for_ever(
    hub: LocalHub, token: str, here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, fault: str
) -> None:
    FaultCheck(hub, here, tmp_path, monkeypatch).check(way, fault)
