"""What a training process does to itself at a certain step or at its end: see `prepare` of `Training`.

`functools.partial` gives them their arguments, because it can be sent to that process.
"""

import math
import os
import signal
import time
from pathlib import Path
from typing import Any

import matplotlib.figure  # noqa: F401 - what a run imports, before it is forked
import numpy as np

import training.cli.main  # noqa: F401
from model.backends.backend import numba_available
from tests.support.tiny_runs import after_step
from training.learner import evaluation
from training.learner.trainer import Trainer

numba_available()  # imports numba


def signal_after_step(step: int, number: int) -> None:
    after_step(step, lambda: os.kill(os.getpid(), number))


def kill_at(kind: str, count: int, run: Path | None = None) -> None:
    """The process kills itself right after its `count`-th step (kind "step") or call of os.fsync ("sync").

    With the folder of a run it waits until that has a checkpoint, which another thread saves: without one there is
    nothing to resume.
    """
    owner, name = (Trainer, "step") if kind == "step" else (os, "fsync")
    plain, calls = getattr(owner, name), 0

    def counted(*arguments: object, **options: Any) -> Any:
        nonlocal calls
        result = plain(*arguments, **options)
        calls += 1
        if calls == count:
            while run and not any(run.glob("step-*")):
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, counted)


def fail_evaluations_after_step(step: int) -> None:
    """From this step on, every evaluation finds a validation loss that is not finite."""
    after_step(step, lambda: setattr(evaluation, "carried_losses", lambda *_, **__: np.full(1, math.nan)))
