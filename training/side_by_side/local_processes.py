"""Runs tasks as processes of this machine, some of them at a time."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from pathlib import Path

from model.files import AlreadyLockedError, acquire_lock

from ..os_calls import start_in_new_session
from ..run.facts import Evaluation
from ..run.run_folder import LOCK
from .executor import ShowProgress, TaskResult, may_retry
from .task import ENVIRONMENT, OUTPUT, TrainingTask

_POLL_S = 0.1
_STOP_S = 60.0  # how long a task may take for its last step and checkpoint before it is killed


class LocalProcesses:
    """An `Executor` whose tasks are processes of this machine, each in a session of its own.

    Args:
        workers: how many tasks run at once.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def run(self, tasks: Sequence[TrainingTask], *, progress: ShowProgress) -> Generator[TaskResult, None, None]:
        """See `Executor.run`. A task whose folder is locked by another process starts when it is unlocked."""
        waiting = [_Process(task) for task in tasks]
        running: list[_Process] = []
        try:
            while waiting or running:
                for process in list(waiting[: self.workers - len(running)]):
                    running.append(process)  # before it starts: a signal may come meanwhile
                    if process.start():
                        waiting.remove(process)
                    else:
                        running.remove(process)
                time.sleep(_POLL_S)
                for process in list(running):
                    code = process.poll()
                    if evaluation := process.new_evaluation():
                        progress(process.task, evaluation)
                    if code is None:
                        continue
                    running.remove(process)
                    if may_retry(code, process.tries):
                        waiting.insert(0, process)
                    else:
                        yield TaskResult(task=process.task, exit_code=code, message=process.task.last_output())
        finally:
            for process in running:
                process.ask_to_stop()
            deadline = time.monotonic() + _STOP_S
            for process in running:
                process.end(deadline)


class _Process:
    """A task and its process, if it has one.

    Attributes:
        tries: how many processes the task has had.
    """

    def __init__(self, task: TrainingTask) -> None:
        self.task, self.tries = task, 0
        self._process: subprocess.Popen[str] | None = None
        self._shown: Evaluation | None = None

    def start(self) -> bool:
        """Starts a process and returns True; returns False while another process has locked the folder."""
        self.task.folder.mkdir(parents=True, exist_ok=True)
        try:
            acquire_lock(self.task.folder / LOCK)()
        except AlreadyLockedError:  # a task whose parent process was killed still saves its last checkpoint
            return False
        self.tries += 1
        root = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
        with (self.task.folder / OUTPUT).open("a", encoding="utf-8") as output:
            self._process = start_in_new_session(
                [sys.executable, "-m", "training.side_by_side.child", *self.task.words()],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env={**os.environ, **ENVIRONMENT, "PYTHONPATH": path},
            )
        return True

    def poll(self) -> int | None:
        """Returns the exit code of the process; None while it runs."""
        code = self._process.poll() if self._process else None
        if code is not None:
            self.ask_to_stop()  # closes the pipe
        return code

    def new_evaluation(self) -> Evaluation | None:
        """Returns the newest evaluation of the run; None if an earlier call has returned it, or there is none."""
        found = self.task.last_evaluation()
        if found is None or found == self._shown:
            return None
        self._shown = found
        return found

    def ask_to_stop(self) -> None:
        """Closes the standard input of the process: the training saves a checkpoint and stops."""
        if self._process and self._process.stdin:
            with contextlib.suppress(OSError):
                self._process.stdin.close()

    def end(self, deadline: float) -> None:
        """Waits until the process has ended; kills it at the deadline, a `time.monotonic()`."""
        if self._process is None:
            return
        try:
            self._process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
