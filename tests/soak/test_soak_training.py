"""SIGKILL at every step of a run, at every fsync, and at random times again and again: the outcome is the same."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.killed_runs import STEPS, kills_that_change_the_outcome
from tests.support.platforms import posix_only
from tests.support.tiny_runs import ROOT, SIZES, Training, checkpoints, environment, outcome, train, write_text

_SYNCS = 110  # more than the calls of os.fsync in a run; a later one kills nothing


@posix_only
def test_killed_at_every_step(tmp_path: Path) -> None:
    kills = [f"step:{step}" for step in range(1, STEPS + 1)]
    assert kills_that_change_the_outcome(tmp_path, write_text(tmp_path), kills) == []


@posix_only
def test_killed_at_every_sync_of_saving(tmp_path: Path) -> None:
    kills = [f"sync:{number}" for number in range(1, _SYNCS + 1)]
    assert kills_that_change_the_outcome(tmp_path, write_text(tmp_path), kills) == []


@posix_only
@pytest.mark.parametrize("seed", range(5))
def test_killed_again_and_again(tmp_path: Path, seed: int) -> None:
    """200 random kills in all: four in each run, ten runs for each seed."""
    draw = random.Random(seed)

    def kill() -> str:
        return draw.choice([f"step:{draw.randint(1, 24)}", f"sync:{draw.randint(1, 25)}"])

    kills = [",".join(kill() for _ in range(4)) for _ in range(10)]
    assert kills_that_change_the_outcome(tmp_path, write_text(tmp_path), kills) == []


@posix_only
def test_one_of_two_processes_is_killed_again_and_again(tmp_path: Path) -> None:
    """Kill the first or the second process at random steps, and resume, until the run has finished."""
    write_text(tmp_path)
    arguments = ["text.txt", *SIZES, f"--steps={STEPS}", "--evaluations=6"]
    draw, runs = random.Random(1), [{"processes": 2, "arguments": [*arguments, "--out=whole"]}]
    runs.append({"processes": 2, "arguments": [*arguments, "--out=run"], "signals": [[1, 20, signal.SIGKILL]]})
    for _ in range(20):
        kills = [[draw.randint(0, 1), step, signal.SIGKILL] for step in draw.sample(range(1, STEPS + 1), 8)]
        runs.append({"processes": 2, "arguments": ["--resume=run"], "signals": kills})
    runs.append({"processes": 2, "arguments": ["--resume=run"]})
    words = [sys.executable, "-m", "tests.support.torchrun_runs", str(tmp_path), *map(json.dumps, runs)]
    ended = subprocess.run(words, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    codes = [json.loads(line)["codes"] for line in ended.stdout.splitlines()]
    assert codes[0] == codes[-1] == [0, 0]
    assert sum(-signal.SIGKILL in code for code in codes) > 3
    assert outcome(tmp_path / "run") == outcome(tmp_path / "whole")


@posix_only
def test_killed_at_times_of_the_clock(tmp_path: Path) -> None:
    """Kill real processes from outside, at times that depend on the machine."""
    write_text(tmp_path)
    arguments = ("text.txt", *SIZES, "--steps=4000", "--evaluations=60")
    assert train(*arguments, "--out=whole", cwd=tmp_path).end() == 0
    draw, killed = random.Random(1), 0
    for _ in range(60):
        goes_on = bool(checkpoints(tmp_path / "run"))
        with Training(*(["--resume=run"] if goes_on else [*arguments, "--out=run"]), cwd=tmp_path) as run:
            run.until("^(step|This run is complete)")
            time.sleep(draw.uniform(0, 1.5))
            run.send(signal.SIGKILL)
            killed += run.end() == -signal.SIGKILL
    assert killed > 5
    assert train("--resume=run", cwd=tmp_path).end() == 0
    assert outcome(tmp_path / "run") == outcome(tmp_path / "whole")
