"""Train in several processes, as torchrun starts them: ``python -m tests.support.torchrun_runs FOLDER [RUN …]``.

Each RUN is JSON. ``processes`` forks of this process, which has imported everything, train with the ``arguments``; so a
run takes a fraction of a second. ``signals`` is a list of [rank, step, signal]: that process sends itself that signal
right after that step. From the step ``fails_at`` on, every evaluation finds a validation loss that is not finite.
Prints a line of JSON for each RUN: the exit codes (negative: the signal that ended the process), and what was printed.
"""

from __future__ import annotations

import json
import math
import os
import socket
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from training.__main__ import main as train
from training.learner import evaluation
from training.learner.trainer import Trainer


def main() -> None:
    folder, *runs = sys.argv[1:]
    os.chdir(folder)
    for late in ("matplotlib.backends.backend_agg", "matplotlib.figure", "torch._dynamo", "training.cli.main"):
        import_module(late)  # what a run imports late: once here instead of in every process
    for run in map(json.loads, runs):
        said = Path("said.txt")
        said.unlink(missing_ok=True)
        port, count = free_port(), run["processes"]
        children = [start(rank, port, run) for rank in range(count)]
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        print(json.dumps({"codes": codes, "said": said.read_text()}), flush=True)


def start(rank: int, port: int, run: dict[str, Any]) -> int:
    """Starts one process of a run; returns its id."""
    if child := os.fork():
        return child
    os.dup2(os.open("said.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
    if run["processes"] > 1:
        os.environ.update(
            RANK=str(rank),
            WORLD_SIZE=str(run["processes"]),
            LOCAL_RANK=str(rank),
            MASTER_ADDR="127.0.0.1",
            MASTER_PORT=str(port),
        )
    plain_step: Any = Trainer.step
    plain_mean: Any = evaluation.mean
    steps_done = 0

    def step(self: Trainer) -> float:
        nonlocal steps_done
        loss: float = plain_step(self)
        steps_done = self.steps_done
        for number in [number for at, after, number in run.get("signals", []) if (at, after) == (rank, steps_done)]:
            os.kill(os.getpid(), number)
        return loss

    def mean(losses: evaluation.Losses) -> float:
        return math.nan if steps_done >= run.get("fails_at", math.inf) else float(plain_mean(losses))

    Trainer.step = step  # type: ignore[method-assign]
    evaluation.mean = mean
    code = 99
    try:
        code = train(run["arguments"])
    finally:
        sys.stderr.flush()
        os._exit(code)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


if __name__ == "__main__":
    main()
