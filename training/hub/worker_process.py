"""Starts the worker process that sends all requests to the Hub, and kills it at its deadline.

Training therefore waits for a process that it can kill, and not for a server that may never answer. The worker gets its
job on standard input, which stays open: the worker ends when it closes, that is, when this process ends in any way. Its
output goes to temporary files, so that no full pipe can block either side.
"""

from __future__ import annotations

import contextlib
import math
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Generic

from model.terminal import duration_text

from ..card.public_text import redact
from ..errors import HubError
from ..os_calls import start_in_new_session
from .jobs import Failure, Job, R, decode_outcome, encode_job
from .timeouts import HubTimeouts

_REPORT_EVERY_S = 30.0


class WorkerProcess(Generic[R]):
    """A worker process for one job, in a session of its own: Ctrl-C reaches the training process only."""

    def __init__(self, job: Job[R], timeouts: HubTimeouts) -> None:
        self._job, self._timeouts = job, timeouts
        self._process: subprocess.Popen[str] | None = None
        self._killed = threading.Event()

    def kill(self) -> None:
        """Ends the process at once; `run` then returns a failure."""
        self._killed.set()
        if self._process:
            self._process.kill()

    def run(self, deadline_s: float) -> R | Failure:
        """Runs the job and returns its result; after `deadline_s` seconds, a failure that may be retried."""
        # The worker's own deadline is later: it is for the case that this process cannot kill the worker.
        limits = (self._timeouts.connect_s, self._timeouts.read_s, deadline_s + 5)
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
            command = [sys.executable, "-m", "training.hub.worker"]
            process = start_in_new_session(
                command, stdin=subprocess.PIPE, stdout=out, stderr=errors, env=_environment()
            )
            self._process = process
            try:
                if self._killed.is_set():  # `kill` was called before the process was started
                    process.kill()
                with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                    _send(process, encode_job(self._job, limits))
                    process.wait(deadline_s)
                timed_out = process.poll() is None
            finally:
                process.kill()
                process.wait()
                with contextlib.suppress(OSError):
                    process.stdin.close() if process.stdin else None
            out.seek(0)
            with contextlib.suppress(ValueError):
                return decode_outcome(self._job, out.read())
            errors.seek(0)
            return self._no_outcome(timed_out, deadline_s, errors.read())

    def _no_outcome(self, timed_out: bool, deadline_s: float, errors: str) -> Failure:
        killed = self._killed.is_set()
        if killed:
            reason = "it was ended before the Hub had finished"
        elif timed_out:
            reason = f"the Hub did not finish within {max(1, round(deadline_s))} s"
        else:
            lines = errors.strip().splitlines() or ["no message"]
            reason = f"its process ended with {redact(lines[-1])[:300]}"
        message = f"{self._job.doing} {self._job.repo} failed: {reason}"
        return Failure(message, retry=True, needs_user=False, timed_out=timed_out or killed)


def run_job(
    job: Job[R],
    timeouts: HubTimeouts | None = None,
    *,
    extra_s: float = 0.0,
    report: Callable[[str], None] | None = None,
) -> R:
    """Runs a job in a worker process, retries it while that may help, and returns its result.

    Args:
        job: the job.
        timeouts: the time limits; None for the default.
        extra_s: seconds in addition to the limit in `timeouts`.
        report: called with one line before a retry; at most every 30 s for the same error.

    Raises:
        HubError: the job failed and a retry does not help, or it did not succeed in its time (`attempt_s` for a
            transfer of files, else `check_s`, plus `extra_s`); `retry` of the error is true in the second case.
    """
    timeouts = timeouts or HubTimeouts()
    limit_s = (timeouts.attempt_s if job.is_transfer else timeouts.check_s) + extra_s
    deadline, wait_s = time.monotonic() + limit_s, timeouts.first_retry_s
    last: Failure | None = None
    reported, reported_at = "", -math.inf
    while True:
        outcome = WorkerProcess(job, timeouts).run(max(0.1, deadline - time.monotonic()))
        if not isinstance(outcome, Failure):
            return outcome
        last = with_reason(outcome, last.message if last else None)
        wait_s = max(wait_s, last.wait_s)
        if not last.retry or time.monotonic() + wait_s >= deadline:
            raise HubError(last.message, retry=last.retry)
        if report and (last.message != reported or time.monotonic() >= reported_at + _REPORT_EVERY_S):
            reported, reported_at = last.message, time.monotonic()
            report(f"{reported}; trying again for up to {duration_text(deadline - time.monotonic())} …")
        time.sleep(wait_s * random.uniform(0.5, 1.0))
        wait_s = min(2 * wait_s, timeouts.longest_retry_s)


def with_reason(failure: Failure, earlier: str | None) -> Failure:
    """Returns a failure; if the deadline ended its job, with the message of the failure before it, if any."""
    return replace(failure, message=earlier) if failure.timed_out and earlier else failure


def _send(process: subprocess.Popen[Any], line: str) -> None:
    if process.stdin:
        process.stdin.write(line + "\n")
        process.stdin.flush()


def _environment() -> dict[str, str]:
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, "HF_HUB_DISABLE_PROGRESS_BARS": "1", **_notebook_token()}


def _notebook_token() -> dict[str, str]:
    """Returns the token from Colab's secrets, which another process cannot read, as a variable."""
    if "google.colab" not in sys.modules:
        return {}
    from huggingface_hub import get_token

    token = get_token()
    return {"HF_TOKEN": token} if token else {}
