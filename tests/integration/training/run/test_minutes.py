"""Runs of some minutes with a real model and a simulated clock: they end in time, and resume bit for bit."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest

from tests.support.interruptions import kill_at
from tests.support.platforms import posix_only
from tests.support.simulated_clock import keep_whole_log, repeat_log, simulate_clock, with_clock
from tests.support.tiny_runs import SIZES, Here, checkpoints, metrics, outcome, write_text
from tests.support.training_processes import train
from training.run.clock import LOG

NEW = ("text.txt", *SIZES, "--minutes=1", "--set=evaluations=6", "--preset=tiny", "--set=bfloat16=false")


@pytest.fixture(autouse=True)
def _text(tmp_path: Path) -> None:
    write_text(tmp_path, 6000)  # its last tenth is long enough for named cells


@pytest.mark.parametrize(
    ("slower", "jitter"),
    [
        ([(0.0, 1.0)], 0.0),
        ([(0.0, 1.0), (30.0, 2.0)], 0.2),
        ([(0.0, 2.0), (30.0, 1.0)], 0.2),
        ([(0.0, 1.0), (20.0, 2.0), (40.0, 0.5)], 0.5),
    ],
)
def test_a_run_takes_its_minutes_on_a_machine_that_changes_its_speed(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slower: list[tuple[float, float]], jitter: float
) -> None:
    clock = simulate_clock(*slower, jitter=jitter, replace=monkeypatch.setattr)
    code, output = here(*NEW, "--out=run")
    assert code == 0, output
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
        assert here(*NEW, "--out=run")[0] == 0
    whole = outcome(tmp_path / "run")
    shutil.rmtree(checkpoints(tmp_path / "run")[-1])
    shutil.copytree(tmp_path / "run", tmp_path / "moved")
    (tmp_path / "moved" / LOG).unlink()
    with monkeypatch.context() as patch:
        clock = simulate_clock((0.0, 5.0), replace=patch.setattr)
        assert here("--resume=run")[0] == 0
    assert outcome(tmp_path / "run") == whole

    state = json.loads((checkpoints(tmp_path / "moved")[-1] / "training_state/state.json").read_text())
    clock = simulate_clock((0.0, 0.5), replace=monkeypatch.setattr)
    assert here("--resume=moved")[0] == 0
    assert state["seconds"] + clock.now == pytest.approx(60, rel=0.03)
    assert metrics(tmp_path / "moved")[-1]["step"] > whole["metrics"][-1]["step"]


@posix_only
def test_a_killed_run_equals_one_with_the_same_progress_that_was_not(tmp_path: Path) -> None:
    """SIGKILL after steps and before calls of fsync; each process has another speed."""
    draw = random.Random(3)
    kills = [[f"step:{draw.randint(1, 60)}", f"sync:{draw.randint(1, 60)}"] for _ in range(2)]
    kills += [["sync:7", "sync:40", "step:3"]]
    for number, points in enumerate(kills):
        run, repeated = tmp_path / f"run-{number}", tmp_path / f"repeated-{number}"
        first = with_clock((0.0, 1.0), (30.0, 2.0), jitter=0.3)
        clocks = [first, *(with_clock((0.0, draw.uniform(0.4, 2)), jitter=0.3, seed=seed) for seed in (2, 3, 4))]
        for point, clock in zip([*points, ""], clocks, strict=False):
            kind, _, count = point.partition(":")
            prepare = [clock if checkpoints(run) else first, keep_whole_log]
            prepare += [kill_at(kind, int(count))] if point else []
            ended = train(
                *((f"--resume={run}",) if checkpoints(run) else (*NEW, f"--out={run}")), cwd=tmp_path, prepare=prepare
            )
            assert ended.end() == (-9 if point else 0), ended.output
        done = train(*NEW, f"--out={repeated}", cwd=tmp_path, prepare=[first, repeat_log(run)])
        assert done.end() == 0, done.output
        assert outcome(run) == outcome(repeated), points
