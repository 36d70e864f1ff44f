"""The interface of what runs tasks: `LocalProcesses` or `RayTasks`."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..run.facts import Evaluation
from .task import TrainingTask

RETRIES = 3  # of a task that failed, each from its last checkpoint
USER_ERROR = 2  # the exit code of a training that cannot start: a retry would fail in the same way

ShowProgress = Callable[[TrainingTask, Evaluation], object]


@dataclass(frozen=True, kw_only=True)
class TaskResult:
    """How a task ended.

    Attributes:
        exit_code: the exit code of its last process: 0 when the run is complete; negative when a signal ended it.
        message: the last line that the task printed.
    """

    task: TrainingTask
    exit_code: int
    message: str


class Executor(Protocol):
    """Runs trainings, several of them at once."""

    @property
    def workers(self) -> int:
        """The number of tasks that run at once. Raises RunError if that cannot be found out."""
        ...

    def run(self, tasks: Sequence[TrainingTask], *, progress: ShowProgress) -> Generator[TaskResult, None, None]:
        """Yields the result of each task when it has ended; the tasks start in the given order.

        A run that is complete already ends at once. A task that fails is retried from its last checkpoint, up to
        `RETRIES` times. When this generator is closed, or KeyboardInterrupt is raised in it, it first waits until the
        tasks have saved a checkpoint and stopped. Use it in `contextlib.closing`, so that an exception in the caller
        closes it.

        Args:
            progress: called in the caller's thread with a task and the newest line of its metrics.jsonl, once for each
                new line.
        """
        ...


def may_retry(exit_code: int, tries: int) -> bool:
    """Returns whether a task is retried whose last process, the `tries`-th, ended with this exit code."""
    return exit_code not in (0, USER_ERROR) and tries <= RETRIES
