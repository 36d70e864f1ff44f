"""Training runs that are killed at chosen points and resumed."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from tests.support.interruptions import kill_at
from tests.support.tiny_runs import SIZES, checkpoints, files, outcome
from tests.support.training_processes import train

STEPS = 60


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
