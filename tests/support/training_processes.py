"""Training runs in processes of their own, which a test reads, signals and kills.

`Program` starts a real program. `Training` starts a training run, a fork of one process that has imported everything,
so that it starts in milliseconds instead of the seconds that torch takes.
"""

import multiprocessing
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import cache
from multiprocessing import connection, forkserver
from pathlib import Path
from typing import IO, Any, TypeVar
from unittest import mock

from tests.support.http_server import free_port
from tests.support.tiny_runs import environment

_TIMEOUT_S = 120.0  # far more than any run takes, even on a busy machine

_Program = TypeVar("_Program", bound="Program")
Preparation = Callable[[], object]  # picklable: it is sent to another process


class Program:
    """A Python program: `lines` is its standard error as far as it was read, `pid` the id of its process."""

    def __init__(self, *arguments: str | Path, cwd: Path, **variables: str) -> None:
        process = subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            cwd=cwd,
            env=environment(**variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        assert process.stderr
        self._watch(process.pid, process.stderr, process.kill, lambda: process.wait(_TIMEOUT_S))

    def _watch(self, pid: int, stderr: IO[str], kill: Callable[[], None], wait: Callable[[], int]) -> None:
        self.pid = pid
        self.lines: list[str] = []
        self._stderr, self._kill, self._wait = stderr, kill, wait

    def _read(self) -> Iterator[str]:
        for line in self._stderr:
            self.lines.append(line.rstrip("\n"))
            yield self.lines[-1]

    def __enter__(self: _Program) -> _Program:
        return self

    def __exit__(self, *error: object) -> None:
        self._kill()
        self.end()
        self._stderr.close()

    @property
    def output(self) -> str:
        return "\n".join(self.lines)

    def until(self, pattern: str) -> str:
        """Waits for the next line that matches a regular expression; each line is tried once."""
        for line in self._read():
            if re.search(pattern, line):
                return line
        raise AssertionError(f"the process ended without {pattern!r}:\n{self.output}")

    def send(self, number: int) -> None:
        os.kill(self.pid, number)

    def end(self) -> int:
        """Waits until the process ends; returns the exit code, negative when a signal killed it."""
        if not self._stderr.closed:
            self.lines += [line.rstrip("\n") for line in self._stderr]
        return self._wait()


class Training(Program):
    """``python -m training …``; each function of `prepare` is called in its process before training starts.

    A fork is quick: see `be_quick`.
    """

    def __init__(
        self, *arguments: str | Path, cwd: Path, prepare: Sequence[Preparation] = (), **variables: str
    ) -> None:
        words = [str(argument) for argument in arguments]
        reader, writer = _forks().Pipe(duplex=False)
        process = _forks().Process(target=_train, args=(words, cwd, environment(**variables), writer, prepare))
        process.start()
        writer.close()
        stderr = os.fdopen(os.dup(reader.fileno()), encoding="utf-8")
        reader.close()

        def wait() -> int:
            process.join(_TIMEOUT_S)
            assert process.exitcode is not None, "the process does not end"
            return int(process.exitcode)

        self._watch(process.pid, stderr, process.kill, wait)


def train(*arguments: str | Path, cwd: Path, prepare: Sequence[Preparation] = (), **variables: str) -> Training:
    """Runs ``python -m training`` to its end."""
    with Training(*arguments, cwd=cwd, prepare=prepare, **variables) as run:
        run.end()
        return run


def train_together(
    *arguments: str | Path, cwd: Path, processes: int, prepare: Mapping[int, Sequence[Preparation]] | None = None
) -> list[Training]:
    """Trains one model in several processes, as torchrun starts them, to their end; `prepare` is by rank."""
    address = {"WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    with ExitStack() as stack:
        runs = []
        for rank in range(processes):
            variables = {**address, "RANK": str(rank), "LOCAL_RANK": str(rank)}
            run = Training(*arguments, cwd=cwd, prepare=(prepare or {}).get(rank, ()), **variables)
            stack.callback(run.__exit__)
            runs.append(run)
        for run in runs:
            run.end()
        return runs


@cache
def _forks() -> Any:
    """Starts the process from which runs are forked; it imports what a run imports, and ends with this process."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.support.interruptions"])
    with mock.patch.dict(os.environ, environment()):  # Python 3.10 to 3.12 ignore the parent's sys.path there
        forkserver.ensure_running()
    return context


def _train(
    arguments: list[str],
    cwd: Path,
    variables: dict[str, str],
    stderr: connection.Connection,
    prepare: Sequence[Preparation],
) -> None:
    from huggingface_hub import constants

    from tests.support.tiny_runs import be_quick
    from training.__main__ import main

    be_quick()
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(variables)
    constants.HF_HUB_CACHE = variables.get("HF_HUB_CACHE", constants.HF_HUB_CACHE)  # read before the fork
    os.dup2(stderr.fileno(), 2)
    stderr.close()
    sys.stderr = os.fdopen(2, "w", buffering=1, encoding="utf-8", closefd=False)  # the old one was made for a file
    for call in prepare:
        call()
    sys.exit(main(arguments))
