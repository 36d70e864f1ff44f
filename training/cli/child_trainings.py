"""Trains several models at once, each by a `python -m training` of its own: on this machine, or on a Ray cluster.

The standard input of such a process stays open until its parent stops it or ends in any way. When it closes, the
training saves a checkpoint and stops (`signals.stop_when_closed`). On a cluster all nodes must see the run folders
under the same path, and Ray starts a training again whose worker or node was lost.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from model.checkpoint.format import CheckpointError
from model.checkpoint.names import checkpoints_of
from model.terminal import one_line

from ..errors import RunError
from ..os_calls import NEW_SESSION, processors
from ..run.snapshot import Evaluation, read_metrics

OUTPUT = "output.txt"  # in the run folder: what its processes printed
_POLL_S = 0.1
_STOP_S = 60.0  # how long a training may take for its last step and checkpoint before it is killed
_TRAINING = __package__.removesuffix(".cli")  # training; installed, char_lstm.training
_PACKAGES = Path(__file__).resolve().parents[2 + _TRAINING.count(".")]  # where Python finds it
# Two trainings with one thread each are together twice as fast as one with two threads, which wait for each other.
_ENVIRONMENT = {"OMP_NUM_THREADS": "1"}


@dataclass(frozen=True, kw_only=True)
class ChildTraining:
    """A training in its own run folder."""

    folder: Path  # the run folder; an absolute path
    arguments: tuple[str, ...]  # the arguments of `python -m training` for a new run, without --out
    resumes: tuple[str, ...] = ()  # those in addition to --resume

    def words(self) -> Sequence[str]:
        """Returns the arguments of `python -m training` for the next process: a run with a checkpoint is resumed."""
        if checkpoints_of(self.folder):
            return ("--resume", str(self.folder), *self.resumes)
        return (*self.arguments, "--out", str(self.folder))

    def last_evaluation(self) -> Evaluation | None:
        """Returns the last line of metrics.jsonl of the run; None before the first evaluation."""
        with contextlib.suppress(CheckpointError, IndexError):
            return read_metrics(self.folder)[-1]
        return None

    def last_output(self) -> str:
        """Returns the last line that the training printed; "" if there is none."""
        with contextlib.suppress(OSError):
            lines = (self.folder / OUTPUT).read_text(encoding="utf-8", errors="replace").split("\n")
            return next((line.strip() for line in reversed(lines) if line.strip()), "")
        return ""


@dataclass(frozen=True)
class Machine:
    """What trainings run on."""

    at_once: int  # how many trainings run at the same time
    # Trains until the training ends or the event is set; returns the exit code. Called in threads
    run: Callable[[ChildTraining, Event], int]
    # Makes all trainings that still run save a checkpoint and end, and frees what the machine took
    stop: Callable[[], None]


def train_all(
    trainings: Sequence[ChildTraining], machine: Machine, show: Callable[[ChildTraining, Evaluation], None]
) -> None:
    """Trains until every run is complete; when KeyboardInterrupt is raised, the trainings save a checkpoint and stop.

    Raises:
        RunError: a training failed; the others were stopped.
    """
    shown = {each: each.last_evaluation() for each in trainings}
    stopped = Event()
    with ThreadPoolExecutor(machine.at_once) as pool:
        running = {pool.submit(machine.run, each, stopped): each for each in trainings}
        try:
            while running:
                done, _ = wait(running, _POLL_S, FIRST_COMPLETED)
                for training in running.values():
                    evaluation = training.last_evaluation()
                    if evaluation is not None and evaluation != shown[training]:
                        shown[training] = evaluation
                        show(training, evaluation)
                for future in done:
                    training = running.pop(future)
                    if code := future.result():
                        reason = training.last_output().removeprefix("error: ") or f"exit code {code}"
                        raise RunError(f"teacher {training.folder.name} could not be trained: {reason}")
        finally:
            stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)
            machine.stop()


def machine_for(ray_address: str | None, device: str) -> Machine:
    """Returns a Ray cluster, or this machine: one training for each processor, or a single one on a GPU."""
    if ray_address:
        return _ray_cluster(ray_address, device)
    return Machine(processors() if device == "cpu" else 1, _train, lambda: None)


def _train(training: ChildTraining, stopped: Event | None = None) -> int:
    """Trains in a process that Ctrl-C in this terminal does not reach; returns its exit code."""
    if not training.folder.is_dir():
        raise RunError(
            f"the node {socket.gethostname()} does not have {training.folder}: choose an --out that all nodes share"
        )
    stopped = stopped or Event()
    path = os.pathsep.join(filter(None, [str(_PACKAGES), os.environ.get("PYTHONPATH")]))
    with (training.folder / OUTPUT).open("a", encoding="utf-8") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", _TRAINING, *training.words()],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env={**os.environ, **_ENVIRONMENT, "PYTHONPATH": path},
            **NEW_SESSION,
        )
    try:
        while process.poll() is None and not stopped.wait(_POLL_S):
            pass
    finally:
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()  # makes it save a checkpoint and stop
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


def _ray_cluster(address: str, device: str) -> Machine:
    """Returns a Ray cluster: each training is a task with one processor, or one GPU too.

    `address` is "local" to start Ray on this machine, else that of a cluster, such as `auto` or `HOST:6379`.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # by default Ray sends usage statistics
    try:
        import ray
    except ImportError:
        raise RunError("--ray needs Ray: pip install 'ray>=2.51,<3'") from None
    packages = {module.partition(".")[0] for module in (__name__, CheckpointError.__module__)}
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        ray.init(
            address=address,
            ignore_reinit_error=True,
            include_dashboard=False if address == "local" else None,
            log_to_driver=False,
            logging_level=logging.ERROR,
            runtime_env={"py_modules": [str(_PACKAGES / name) for name in sorted(packages)]},
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise RunError(f"--ray {address}: Ray cannot be used: {one_line(str(error))}") from error
    finally:
        for number, handler in before.items():  # Ray sets its own handlers
            signal.signal(number, handler)
    needed, gpus = ("GPU", 1) if device == "cuda" else ("CPU", 0)
    at_once = int(ray.cluster_resources().get(needed, 0))
    if not at_once:
        raise RunError(f"--ray {address}: the cluster has no {needed}")
    remote, tasks = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=3)(_train), []

    def run(training: ChildTraining, _: Event) -> int:
        task = remote.remote(training)
        tasks.append(task)
        try:
            return int(ray.get(task))
        except ray.exceptions.RayError as error:
            raise RunError(one_line(str(getattr(error, "cause", error)))) from error

    def stop() -> None:
        for task in tasks:
            ray.cancel(task)  # raises KeyboardInterrupt in `_train`
        if tasks:
            ray.wait(tasks, num_returns=len(tasks), timeout=_STOP_S)
        ray.shutdown()

    return Machine(at_once, run, stop)
