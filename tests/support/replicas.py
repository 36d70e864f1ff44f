"""Run the app on Ray Serve with real replicas, in an environment that has Ray beside what the tests have."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.support.ray_environment import ROOT, ray_variables, with_ray

URL = "http://127.0.0.1:8000"  # Ray Serve's own
_START_S = 900.0  # on a busy machine


@contextmanager
def ray_serve(replicas: int, log: Path) -> Iterator[str]:
    """Serve the bundled model with a number of replicas, and yield the address. uv installs what Ray needs."""
    command = with_ray("deploy/requirements.txt", ["-m", "ray.serve.scripts", "run", "deploy.ray:app"])
    environment = ray_variables(MIN_REPLICAS=str(replicas), MAX_REPLICAS=str(replicas), ROWS_EACH="256")
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=file, stderr=file, start_new_session=True)
    try:
        _wait_for(process, replicas, log)
        yield URL
    finally:
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(120)
        except subprocess.TimeoutExpired:  # Ray has not started
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for pid in replica_pids():
            os.kill(pid, signal.SIGKILL)


def replica_pids() -> list[int]:
    """Return the processes of the replicas; Ray names them by their deployment."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes().startswith(b"ray::ServeReplica:default:Replica"):
                found.append(int(path.parent.name))
        except OSError:  # it has just ended
            continue
    return sorted(found)


def _wait_for(process: subprocess.Popen[bytes], replicas: int, log: Path) -> None:
    end = time.monotonic() + _START_S
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text(errors="replace")[-4000:]
        try:
            if httpx.get(f"{URL}/readyz", timeout=5).status_code == 200 and len(replica_pids()) == replicas:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.5)
    raise AssertionError(log.read_text(errors="replace")[-4000:])
