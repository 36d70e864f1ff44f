"""What a training process does to itself at a certain step or at its end: see `prepare` of `Training`."""

from __future__ import annotations

import hashlib
import math
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

import numpy as np
import torch

from training.learner import evaluation
from training.learner.shared_steps import SharedSteps
from training.learner.trainer import Trainer


def signal_after_step(step: int, number: int) -> Callable[[], None]:
    """The process sends itself a signal right after a step."""
    return partial(_after_step, step, partial(_send, number))


def kill_at(kind: str, count: int) -> Callable[[], None]:
    """The process kills itself: kind "step", right after its `count`-th step; "sync", before that call of os.fsync."""
    return partial(_kill_at, kind, count)


def record_weights(path: Path) -> Callable[[], None]:
    """The process adds a line to a file after each step of its run: the step, and a hash of the weights."""
    return partial(_record_weights, path)


def fail_evaluations_after_step(step: int) -> Callable[[], None]:
    """From this step on, every evaluation finds a validation loss that is not finite."""
    return partial(_after_step, step, _fail_evaluations)


def print_peak_memory_at_end() -> None:
    """The process prints the highest memory use that it had, in bytes, as its last line; Linux only."""
    Finalize(None, _print_peak_memory, exitpriority=0)


def _after_step(step: int, act: Callable[[Trainer], object]) -> None:
    plain: Any = Trainer.step

    def watched(self: Trainer, *arguments: Any, **options: Any) -> float:
        loss: float = plain(self, *arguments, **options)
        if self.steps_done == step:
            act(self)
        return loss

    Trainer.step = watched  # type: ignore[method-assign]


def _send(number: int, _: Trainer) -> None:
    os.kill(os.getpid(), number)


def _record_weights(path: Path) -> None:
    plain: Any = SharedSteps.step

    def recorded(self: SharedSteps, *arguments: Any) -> float:
        loss: float = plain(self, *arguments)
        numbers = torch.nn.utils.parameters_to_vector(self._trainer.network.parameters()).detach().numpy()
        with path.open("a") as file:
            file.write(f"{self._trainer.steps_done} {hashlib.sha256(numbers.tobytes()).hexdigest()}\n")
        return loss

    SharedSteps.step = recorded  # type: ignore[method-assign, assignment]


def _kill_at(kind: str, count: int) -> None:
    owner, name = (Trainer, "step") if kind == "step" else (os, "fsync")
    plain, calls = getattr(owner, name), 0

    def counted(*arguments: object, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if kind == "sync" and calls == count:
            os.kill(os.getpid(), signal.SIGKILL)
        result = plain(*arguments, **options)
        if calls == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, counted)


def _fail_evaluations(_: Trainer) -> None:
    evaluation.carried_losses = lambda *_, **__: np.full(1, math.nan)


def _print_peak_memory() -> None:
    kilobytes = Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]
    print(f"peak memory: {int(kilobytes) * 1024}", file=sys.stderr)
