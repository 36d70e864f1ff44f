"""Runs that are killed at chosen moments and resumed: ``python -m tests.support.killed_runs FOLDER TEXT [MOMENTS …]``.

Every life of a run is a fork of this one process, which has imported everything: so it takes a fraction of a second,
and its end is a real SIGKILL. MOMENTS are the ends of its lives, in order, such as ``step:7,sync:3``: after its
seventh step, then before the third time that its second life makes something last on the disk. What has no
checkpoint yet is begun anew. After the last moment it lives to its end.

Prints a JSON line for each MOMENTS: the moments, and how the run came out.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.support.tiny_runs import SIZES, checkpoints, files, outcome
from training.cli import main as cli
from training.learner.trainer import Trainer
from training.signals import Signals

STEPS = 60


def main() -> None:
    folder, text, *lists = sys.argv[1:]
    for late in ("matplotlib.backends.backend_agg", "matplotlib.figure", "torch._dynamo"):
        import_module(late)  # what a run imports on its way: once here instead of in every life
    for number, moments in enumerate(lists):
        run = Path(folder) / f"run-{number}"
        for moment in filter(None, moments.split(",")):
            live(run, text, moment)
        live(run, text, "")
        print(json.dumps({"moments": moments, "outcome": [outcome(run), files(run)]}), flush=True)


def live(run: Path, text: str, moment: str) -> None:
    """One life; ends at the moment, or with the run."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        if moment == "" and status != 0:
            raise SystemExit(f"the last life of {run.name} ended with status {status}")
        return
    kind, _, number = moment.partition(":")
    if kind == "step":
        Trainer.step = _dying_after(Trainer.step, int(number))  # type: ignore[method-assign]
    elif kind == "sync":
        os.fsync = _dying_after(os.fsync, int(number), before=True)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    begun = bool(checkpoints(run))
    arguments = [f"--resume={run}"] if begun else [text, f"--out={run}", f"--steps={STEPS}", "--evaluations=6", *SIZES]
    os._exit(cli.main(arguments, Signals()))


def _dying_after(call: Callable[..., Any], times: int, before: bool = False) -> Callable[..., Any]:
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
