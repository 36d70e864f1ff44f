"""Runs of several processes, as torchrun starts them: ``python -m tests.support.torchrun_runs FOLDER [RUN …]``.

Each RUN is JSON.

``processes`` forks of this one process, which has imported everything, train with the ``arguments``; so a run takes a
fraction of a second. ``signals`` is a list of [rank, step, signal]: that process sends itself that signal right after
that step. Prints a JSON line for each RUN: the exit codes (negative: the signal that ended it), and what was said.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from training.__main__ import main as train
from training.learner.trainer import Trainer


def main() -> None:
    folder, *runs = sys.argv[1:]
    os.chdir(folder)
    for late in ("matplotlib.backends.backend_agg", "matplotlib.figure", "torch._dynamo", "training.cli.main"):
        import_module(late)  # what a run imports on its way: once here instead of in every process
    for run in map(json.loads, runs):
        said = Path("said.txt")
        said.unlink(missing_ok=True)
        port, count = free_port(), run["processes"]
        children = [start(rank, count, port, run["arguments"], run.get("signals", [])) for rank in range(count)]
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        print(json.dumps({"codes": codes, "said": said.read_text()}), flush=True)


def start(rank: int, count: int, port: int, arguments: list[str], signals: Sequence[tuple[int, int, int]]) -> int:
    """One process of a run; returns its id."""
    if child := os.fork():
        return child
    os.dup2(os.open("said.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
    if count > 1:
        os.environ.update(
            RANK=str(rank), WORLD_SIZE=str(count), LOCAL_RANK=str(rank), MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port)
        )
    plain: Any = Trainer.step

    def watched(self: Trainer) -> float:
        loss: float = plain(self)
        for number in [number for at, step, number in signals if (at, step) == (rank, self.steps_done)]:
            os.kill(os.getpid(), number)
        return loss

    Trainer.step = watched  # type: ignore[method-assign]
    code = 99
    try:
        code = train(arguments)
    finally:
        sys.stderr.flush()
        os._exit(code)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


if __name__ == "__main__":
    main()
