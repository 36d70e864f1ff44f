"""Kill training runs at chosen points and resume them: ``python -m tests.support.killed_runs FOLDER TEXT [KILLS …]``.

KILLS lists where the processes of one run are killed, in order: ``step:7,sync:3`` kills the first process after its
seventh step, and the second, which resumes the run, before its third call of ``os.fsync``. A last process finishes the
run. A run that has no checkpoint yet is started again. Each process is a fork of this one, which has imported
everything, so it takes a fraction of a second and ends by a real SIGKILL.

Prints a JSON line for each KILLS: the kills, and the outcome of the run.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.support.tiny_runs import ROOT, SIZES, checkpoints, environment, files, outcome
from training.cli import main as cli
from training.learner.trainer import Trainer
from training.signals import Signals

STEPS = 60


def kills_that_change_the_outcome(folder: Path, text: Path, kills: list[str]) -> list[str]:
    """Return those KILLS whose run ended otherwise than a run that nothing killed: there should be none."""
    command = [sys.executable, "-m", "tests.support.killed_runs", str(folder), str(text), "", *kills]
    ended = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    whole, *others = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [each["kills"] for each in others] == kills
    return [each["kills"] for each in others if each["outcome"] != whole["outcome"]]


def main() -> None:
    folder, text, *lists = sys.argv[1:]
    for late in ("matplotlib.backends.backend_agg", "matplotlib.figure", "torch._dynamo"):
        import_module(late)  # imported late by a run: once here instead of in every process
    for number, kills in enumerate(lists):
        run = Path(folder) / f"run-{number}"
        for kill in filter(None, kills.split(",")):
            run_until(kill, run, text)
        run_until("", run, text)
        print(json.dumps({"kills": kills, "outcome": [outcome(run), files(run)]}), flush=True)


def run_until(kill: str, run: Path, text: str) -> None:
    """Train in a fork that is killed at this point; "" trains to the end of the run."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        if kill == "" and status != 0:
            raise SystemExit(f"the last process of {run.name} ended with status {status}")
        return
    kind, _, number = kill.partition(":")
    if kind == "step":
        Trainer.step = _killed_after(Trainer.step, int(number))  # type: ignore[method-assign]
    elif kind == "sync":
        os.fsync = _killed_after(os.fsync, int(number), before=True)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    fresh = [text, f"--out={run}", f"--steps={STEPS}", "--evaluations=6", *SIZES]
    arguments = [f"--resume={run}"] if checkpoints(run) else fresh
    os._exit(cli.main(arguments, Signals()))


def _killed_after(call: Callable[..., Any], times: int, before: bool = False) -> Callable[..., Any]:
    done = 0

    def counted(*arguments: object) -> Any:
        nonlocal done
        done += 1
        if before and done == times:
            os.kill(os.getpid(), signal.SIGKILL)
        result = call(*arguments)
        if done == times:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return counted


if __name__ == "__main__":
    main()
