"""Runs of some minutes with a real model and a simulated clock: they end in time, and resume bit for bit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.support.simulated_clock import simulate_clock
from tests.support.tiny_runs import SIZES, Here, checkpoints, metrics, outcome, write_text

NEW = ("text.txt", *SIZES, "--minutes=1", "--set=evaluations=6", "--preset=tiny", "--set=bfloat16=false")


@pytest.fixture(autouse=True)
def _text(tmp_path: Path) -> None:
    write_text(tmp_path, 6000)  # its last tenth is long enough for named cells


@pytest.mark.parametrize(("slower", "jitter"), [([(0.0, 2.0), (30.0, 1.0)], 0.2), ([(0.0, 1.0), (20.0, 2.0)], 0.5)])
def test_a_run_takes_its_minutes_on_a_machine_that_changes_its_speed(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slower: list[tuple[float, float]], jitter: float
) -> None:
    clock = simulate_clock(*slower, jitter=jitter, replace=monkeypatch.setattr)
    output = here(*NEW, "--out=run")
    assert clock.now == pytest.approx(60, rel=0.03)
    assert len(metrics(tmp_path / "run")) == 6
    assert metrics(tmp_path / "run")[-1]["lr"] == pytest.approx(0, abs=1e-3)
    assert "1 minute in all" in output


def test_a_run_is_resumed_with_the_progress_that_it_recorded(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine of another speed, as far as the record reaches; without one, the run keeps its minutes."""
    with monkeypatch.context() as patch:
        simulate_clock((0.0, 1.0), (30.0, 2.0), jitter=0.3, replace=patch.setattr)
        here(*NEW, "--out=run")
    whole = outcome(tmp_path / "run")
    shutil.rmtree(checkpoints(tmp_path / "run")[-1])
    shutil.copytree(tmp_path / "run", tmp_path / "moved")
    for log in (tmp_path / "moved").glob("*.log"):
        log.unlink()
    with monkeypatch.context() as patch:
        simulate_clock((0.0, 5.0), replace=patch.setattr)
        here("--resume=run")
    assert outcome(tmp_path / "run") == whole

    state = json.loads((checkpoints(tmp_path / "moved")[-1] / "training_state/state.json").read_text())
    clock = simulate_clock((0.0, 0.5), replace=monkeypatch.setattr)
    here("--resume=moved")
    assert state["seconds"] + clock.now == pytest.approx(60, rel=0.03)
    assert metrics(tmp_path / "moved")[-1]["step"] > whole["metrics"][-1]["step"]
