"""Run the app on Ray Serve with real replicas, in an environment that has Ray beside what the tests have."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[2]
URL = "http://127.0.0.1:8000"  # Ray Serve's own
_START_S = 300.0


@contextmanager
def ray_serve(replicas: int, log: Path) -> Iterator[str]:
    """Serve the bundled model with a number of replicas, and yield the address. uv installs what Ray needs."""
    uv = Path(sys.executable).with_name("uv")
    overlay = [
        str(uv),
        "run",
        "--no-project",
        "--python",
        sys.executable,
        "--with-requirements",
        "deploy/requirements.txt",
    ]
    needs = ["--with-requirements", "deploy/requirements.txt"]
    command = [*overlay, *needs, "python", "-m", "ray.serve.scripts", "run", "deploy.ray:app"]
    environment = {
        **os.environ,
        "MIN_REPLICAS": str(replicas),
        "MAX_REPLICAS": str(replicas),
        "ROWS_EACH": "256",
        "PYTHONPATH": str(ROOT),
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # Ray would repeat the command of uv in each worker
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=file, stderr=file, start_new_session=True)
    try:
        _wait_for(process, replicas, log)
        yield URL
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(120)
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
