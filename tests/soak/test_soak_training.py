"""SIGKILL at every step of a run, at every fsync, and at random times again and again: the outcome is the same."""

import random
import re
import shutil
import signal
import time
from functools import partial
from pathlib import Path

import pytest
from safetensors.torch import load

from tests.integration.training.hub.test_job import SCRIPT, copy_volumes
from tests.local_hub import LocalHub
from tests.support.interruptions import kill_at
from tests.support.platforms import posix_only
from tests.support.tiny_runs import SIZES, checkpoints, files, outcome, write_text
from tests.support.training_processes import Program, train

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


RUN = ("text.txt", *SIZES, "--steps=100000", "--set=evaluations=20", "--push-to=plays")


class Job(Program):
    """The script on a machine that has only the script and its volumes."""

    def __init__(self, *arguments: str, cwd: Path) -> None:
        shutil.copy(SCRIPT, cwd / "job.py")
        super().__init__("job.py", *arguments, cwd=cwd, CODE=str(copy_volumes(cwd)), PYTHONPATH="")


@posix_only
def test_a_restarted_job_resumes(hub: LocalHub, token: str, tmp_path: Path) -> None:
    write_text(tmp_path)
    with Job(*RUN, cwd=tmp_path) as first:
        first.until("Will start a run and push it to ada/plays, with the code in .*/code:")
        first.until("pushed step-.* to ada/plays@training")
        first.send(signal.SIGKILL)
        first.end()
    shutil.rmtree(tmp_path / "runs")
    with Job(*RUN, cwd=tmp_path) as second:
        second.until("Will resume the run in ada/plays")
        second.until(r"Resuming after step [1-9][\d,]* of 100,000")
        time.sleep(0.5)
        second.send(signal.SIGTERM)
        assert second.end() == 143, second.output
    found = re.findall(r"(?:Resuming|Stopped) after step ([\d,]+)", second.output)
    resumed, done = (int(step.replace(",", "")) for step in found)
    state = load(hub.read("ada/plays", "training_state/state.safetensors", "training"))
    assert int(state["steps_done"]) == done > resumed
    assert token not in first.output + second.output
