"""Runs tasks as tasks of Ray: one processor or one GPU each, on this machine or on a cluster.

Ray starts a task again on another node when its worker or its node is killed; the run then continues from its last
checkpoint. All nodes must therefore see the run folders at the same path.
"""

from __future__ import annotations

import importlib
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

from model.files import AlreadyLockedError, acquire_lock
from model.terminal import one_line

from ..errors import RunError
from ..run.facts import Evaluation
from ..run.run_folder import LOCK
from .executor import RETRIES, USER_ERROR, ShowProgress, TaskResult, may_retry
from .task import ENVIRONMENT, OUTPUT, TrainingTask

LOCAL = "local"
_POLL_S = 0.5
_STOP_S = 60.0  # how long tasks may take for their last step and checkpoint
_PACKAGES = Path(__file__).resolve().parents[2]
_KILLED = -9


class RayTasks:
    """An `Executor` whose tasks are tasks of Ray.

    Args:
        address: "local" starts Ray on this machine; else the address of a cluster, such as `auto` or `HOST:6379`.
        gpus: whether each task gets a GPU in addition to its processor.

    Raises:
        RunError: Ray is not installed.
    """

    def __init__(self, address: str, *, gpus: bool = False) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # by default Ray sends usage statistics
        try:
            self._ray = importlib.import_module("ray")
        except ImportError:
            raise RunError("--ray needs Ray: pip install -r requirements-ray.txt") from None
        self.address, self.gpus = address, gpus

    @property
    def workers(self) -> int:
        """How many tasks run at once. Raises RunError like `run`."""
        self._connect()
        return int(self._ray.cluster_resources().get(self._needed, 0))

    def run(self, tasks: Sequence[TrainingTask], *, progress: ShowProgress) -> Generator[TaskResult, None, None]:
        """See `Executor.run`. Raises RunError if the cluster cannot be reached, or lacks processors or GPUs."""
        if not self.workers:
            raise RunError(f"--ray {self.address}: the cluster has no {self._needed}")
        running = _Running(self._ray, self.gpus)
        try:
            for task in tasks:
                task.folder.mkdir(parents=True, exist_ok=True)  # a node without this folder does not share the disk
                running.start(task)
            while running.tasks:
                yield from running.poll(progress)
        finally:
            running.stop()
            self._ray.shutdown()

    @property
    def _needed(self) -> str:
        return "GPU" if self.gpus else "CPU"

    def _connect(self) -> None:
        """Starts Ray on this machine, or connects to a cluster, unless Ray is initialized already."""
        if self._ray.is_initialized():
            return
        in_main_thread = threading.current_thread() is threading.main_thread()
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            self._ray.init(
                address=self.address,
                include_dashboard=False if self.address == LOCAL else None,
                log_to_driver=False,
                logging_level=logging.ERROR,
                runtime_env={
                    "py_modules": [str(_PACKAGES / "training"), str(_PACKAGES / "model")],
                    "env_vars": dict(ENVIRONMENT),
                },
            )
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise RunError(f"--ray {self.address}: Ray cannot be used: {one_line(str(error))}") from None
        finally:
            for number, handler in before.items():  # Ray sets its own handlers
                if in_main_thread:
                    signal.signal(number, handler)


class _Running:
    """The tasks that were submitted to Ray.

    Attributes:
        tasks: those that have not ended, by Ray's reference to their result.
    """

    def __init__(self, ray: Any, gpus: bool) -> None:
        self._ray = ray
        self._run = ray.remote(
            num_cpus=1,
            num_gpus=1 if gpus else 0,
            max_retries=RETRIES,
            max_calls=1,  # a process of its own for each task
        )(_run_task)
        self.tasks: dict[Any, TrainingTask] = {}
        self._tries: dict[Path, int] = {}
        self._shown: dict[Path, Evaluation] = {}

    def start(self, task: TrainingTask) -> None:
        """Submits a task to Ray, which runs it when a processor or a GPU is free."""
        self._tries[task.folder] = self._tries.get(task.folder, 0) + 1
        self.tasks[self._run.remote(task)] = task

    def poll(self, progress: ShowProgress) -> Iterator[TaskResult]:
        """Calls `progress` with new evaluations, retries failed tasks, and yields the results of the ended ones."""
        ready, _ = self._ray.wait(list(self.tasks), timeout=_POLL_S)
        for task in self.tasks.values():
            evaluation = task.last_evaluation()
            if evaluation is not None and evaluation != self._shown.get(task.folder):
                self._shown[task.folder] = evaluation
                progress(task, evaluation)
        for reference in ready:
            task = self.tasks.pop(reference)
            try:
                code, message = self._ray.get(reference)
            except self._ray.exceptions.RayTaskError as error:  # an exception in `_run_task`
                code, message = 1, one_line(str(error.cause))
            except self._ray.exceptions.RayError as error:  # the worker was killed more often than Ray retries
                yield TaskResult(task=task, exit_code=_KILLED, message=one_line(str(error)))
                continue
            if may_retry(code, self._tries[task.folder]):
                self.start(task)
            else:
                yield TaskResult(task=task, exit_code=code, message=message or task.last_output())

    def stop(self) -> None:
        """Waits, for at most a minute, until the tasks have saved a checkpoint and ended."""
        for reference in self.tasks:
            self._ray.cancel(reference)  # raises KeyboardInterrupt in the task
        if self.tasks:
            self._ray.wait(list(self.tasks), num_returns=len(self.tasks), timeout=_STOP_S)


def _run_task(task: TrainingTask) -> tuple[int, str]:
    """Trains in this process, a worker of Ray; returns the exit code, and a message if there is no output."""
    if not task.folder.is_dir():
        return USER_ERROR, (
            f"the node {socket.gethostname()} does not have {task.folder}: choose an --out that all nodes of the "
            "cluster share"
        )
    _wait_until_unlocked(task.folder / LOCK)
    with (task.folder / OUTPUT).open("a", encoding="utf-8") as output:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    # Not imported at the top: the entry point imports this package.
    code: int = importlib.import_module("training.__main__").main(list(task.words()))
    return code, ""


def _wait_until_unlocked(lock: Path) -> None:
    """Waits until a worker on a node that was killed has ended, which takes some seconds."""
    while True:
        try:
            acquire_lock(lock)()
            return
        except AlreadyLockedError:
            time.sleep(_POLL_S)
