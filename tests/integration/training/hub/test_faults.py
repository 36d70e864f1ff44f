"""A fault of the Hub loses nothing: a sample of the table; tests/soak checks all of it."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.local_hub import LocalHub
from tests.support.hub_faults import FAULTS, ROUTES, FaultCheck
from tests.support.tiny_runs import Here

SAMPLE = [*zip(ROUTES, random.Random(2).sample(sorted(FAULTS), len(ROUTES)), strict=True)]


@pytest.mark.parametrize(("way", "fault"), SAMPLE)
def test_a_fault_loses_nothing_and_ends(
    hub: LocalHub, token: str, here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, fault: str
) -> None:
    FaultCheck(hub, here, tmp_path, monkeypatch).check(way, fault)
