"""kill -9 at every step of a run, at every moment of its saving, and at random ones again and again: no difference."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.killed_runs import STEPS
from tests.support.tiny_runs import ROOT, SIZES, Training, checkpoints, environment, outcome, train, write_text

_SYNCS = 88  # more than a run has times at which it makes something last; those beyond are no end of a life


def lives(folder: Path, moments: list[str]) -> list[str]:
    """The moments after which a run came out otherwise."""
    text = write_text(folder)
    words = [sys.executable, "-m", "tests.support.killed_runs", str(folder), str(text), "", *moments]
    ended = subprocess.run(words, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    whole, *others = [json.loads(line) for line in ended.stdout.splitlines()]
    assert len(others) == len(moments)
    return [each["moments"] for each in others if each["outcome"] != whole["outcome"]]


def test_killed_at_every_step(tmp_path: Path) -> None:
    assert lives(tmp_path, [f"step:{step}" for step in range(1, STEPS + 1)]) == []


def test_killed_at_every_moment_of_saving(tmp_path: Path) -> None:
    assert lives(tmp_path, [f"sync:{number}" for number in range(1, _SYNCS + 1)]) == []


@pytest.mark.parametrize("seed", range(5))
def test_killed_again_and_again(tmp_path: Path, seed: int) -> None:
    """At 200 random moments in all: four in each life of a run, ten runs a seed."""
    draw = random.Random(seed)

    def moment() -> str:
        return draw.choice([f"step:{draw.randint(1, 24)}", f"sync:{draw.randint(1, 25)}"])

    assert lives(tmp_path, [",".join(moment() for _ in range(4)) for _ in range(10)]) == []


def test_one_of_two_processes_is_killed_again_and_again(tmp_path: Path) -> None:
    """At random steps, the first or the other one, until the run is through; each time it is resumed."""
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


def test_killed_at_moments_of_the_clock(tmp_path: Path) -> None:
    """Real processes, ended from outside at times that nobody chose."""
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
