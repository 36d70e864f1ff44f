"""Every fault of the Hub, in every operation that uses the Hub."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.conftest import here
from tests.local_hub import LocalHub
from tests.support.hub_faults import CELLS, FaultCheck
from tests.support.tiny_runs import Here

__all__ = ["here"]


@pytest.mark.parametrize(("way", "fault"), CELLS)
def test_a_fault_loses_nothing_and_ends(
    hub: LocalHub, token: str, here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, fault: str
) -> None:
    FaultCheck(hub, here, tmp_path, monkeypatch).check(way, fault)
