"""SIGKILL at every step of a run, at every fsync, and at random times again and again: the outcome is the same."""

from __future__ import annotations

import random
import signal
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from tests.support.interruptions import kill_at, signal_after_step
from tests.support.platforms import posix_only
from tests.support.tiny_runs import SIZES, checkpoints, files, outcome, write_text
from tests.support.training_processes import Preparation, train, train_together

STEPS = 60
_SYNCS = 110  # more than the calls of os.fsync in a run


def kills_that_change_the_outcome(folder: Path, text: Path, kills: list[str]) -> list[str]:
    """Returns those `kills` whose run ended otherwise than a run that nothing killed: there should be none.

    Each lists where the processes of one run are killed, in order: ``step:7,sync:3`` kills the first process after its
    seventh step, and the second, which resumes the run, before its third call of ``os.fsync``. A last process finishes
    the run. A run that has no checkpoint yet is started again.
    """
    outcomes = []
    for number, points in enumerate(["", *kills]):
        run = folder / f"run-{number}"
        for point in filter(None, points.split(",")):
            train_until(point, run, text)
        assert train_until("", run, text) == 0
        outcomes.append((outcome(run), files(run)))
    return [points for points, found in zip(kills, outcomes[1:], strict=True) if found != outcomes[0]]


def train_until(point: str, run: Path, text: Path) -> int:
    """Trains until the process is killed at this point, "" to the end of the run; returns the exit code."""
    kind, _, count = point.partition(":")
    new = (text, f"--out={run}", f"--steps={STEPS}", "--set=evaluations=6", *SIZES)
    arguments = (f"--resume={run}",) if checkpoints(run) else new
    return train(*arguments, cwd=run.parent, prepare=[partial(kill_at, kind, int(count))] if point else []).end()


@posix_only
@pytest.mark.parametrize("kind", ["step", "sync"])
def test_killed_at_every_step_or_every_sync_of_saving(tmp_path: Path, kind: str) -> None:
    kills = [f"{kind}:{number}" for number in range(1, (STEPS if kind == "step" else _SYNCS) + 1)]
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
    arguments = ["text.txt", *SIZES, f"--steps={STEPS}", "--set=evaluations=6"]
    draw = random.Random(1)

    def codes(*arguments: str, kills: Sequence[tuple[int, int]] = ()) -> list[int]:
        """Run the processes, each of which kills itself after its step; returns the exit codes."""
        prepare: dict[int, list[Preparation]] = {0: [], 1: []}
        for rank, step in kills:
            prepare[rank].append(partial(signal_after_step, step, signal.SIGKILL))
        return [run.end() for run in train_together(*arguments, cwd=tmp_path, processes=2, prepare=prepare)]

    assert codes(*arguments, "--out=whole") == [0, 0]
    ended = [codes(*arguments, "--out=run", kills=[(1, 20)])]
    for _ in range(20):
        kills = [(draw.randint(0, 1), step) for step in draw.sample(range(1, STEPS + 1), 8)]
        ended.append(codes("--resume=run", kills=kills))
    assert codes("--resume=run") == [0, 0]
    assert sum(-signal.SIGKILL in each for each in ended) > 3
    assert outcome(tmp_path / "run") == outcome(tmp_path / "whole")
