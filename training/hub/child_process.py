"""Starts and kills the child process that talks to the Hub (see `hub_child`), and says how long to wait for it.

The child gets the job on standard input, which stays open: when this process ends in whatever way, the child sees it
close and ends too. Its output goes to unnamed temporary files, so that neither side can block on a full pipe.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..card.redact import redact
from ..system import start_in_new_session


@dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds. Waits between tries double from `first_wait_s` to `longest_wait_s`, with jitter."""

    connect_s: float = 10.0
    read_s: float = 60.0
    preflight_s: float = 90.0
    attempt_s: float = 900.0
    first_wait_s: float = 2.0
    longest_wait_s: float = 120.0


class ChildJob:
    """One job in a child process of its own session, so that Ctrl-C reaches only the trainer."""

    def __init__(self, job: dict[str, Any], patience: Patience) -> None:
        self._job, self._patience = job, patience
        self._process: subprocess.Popen[str] | None = None
        self._killed = threading.Event()

    def kill(self) -> None:
        self._killed.set()
        if self._process:
            self._process.kill()

    def run(self, deadline_s: float) -> dict[str, Any]:
        """The outcome of the job; a failure that may be tried again when it is not done in `deadline_s` seconds."""
        limits = {"connect_s": self._patience.connect_s, "read_s": self._patience.read_s, "deadline_s": deadline_s + 5}
        root = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
        environment = {**os.environ, "PYTHONPATH": path, "HF_HUB_DISABLE_PROGRESS_BARS": "1", **_notebook_token()}
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
            command = [sys.executable, "-m", "training.hub.worker"]
            process = start_in_new_session(command, stdin=subprocess.PIPE, stdout=out, stderr=errors, env=environment)
            self._process = process
            try:
                self._feed(process, json.dumps({**self._job, **limits}))
                in_time = self._wait(process, deadline_s)
            finally:
                process.kill()
                process.wait()
                with contextlib.suppress(OSError):
                    process.stdin.close() if process.stdin else None
            out.seek(0)
            with contextlib.suppress(ValueError):
                return dict(json.loads(out.read()))
            errors.seek(0)
            return self._no_outcome(in_time, deadline_s, errors.read())

    def _feed(self, process: subprocess.Popen[str], line: str) -> None:
        """Gives the job; standard input stays open, because the child ends when it closes."""
        if self._killed.is_set():  # killed before there was a process
            process.kill()
        with contextlib.suppress(OSError):
            if process.stdin:
                process.stdin.write(line + "\n")
                process.stdin.flush()

    def _wait(self, process: subprocess.Popen[str], deadline_s: float) -> bool:
        try:
            process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _no_outcome(self, in_time: bool, deadline_s: float, errors: str) -> dict[str, Any]:
        verbs = {"push": "pushing to", "prepare": "preparing", "pull": "pulling", "link": "changing"}
        doing = verbs.get(self._job["verb"].partition("_")[0], "looking at")
        what = f"{doing} {self._job['repo']}"
        cut_short = self._killed.is_set() or not in_time
        if cut_short:
            message = f"{what} failed: the Hub did not finish within {max(1, round(deadline_s))} s"
        else:
            lines = errors.strip().splitlines()
            message = f"{what} failed: its process ended with {redact(lines[-1])[:300] if lines else 'no word'}"
        return {"ok": False, "retry": True, "wait_s": 0.0, "message": message, "cut_short": cut_short}


def _notebook_token() -> dict[str, str]:
    """A notebook's own store of secrets is out of a child's reach: its token goes by the environment."""
    if "google.colab" not in sys.modules:
        return {}
    from huggingface_hub import get_token

    token = get_token()
    return {"HF_TOKEN": token} if token else {}
