"""Programs that use Ray, in an environment that has it beside what the tests have; uv installs it, once."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from tests.support.tiny_runs import ROOT, environment

URL = "http://127.0.0.1:8000"  # Ray Serve's own
_START_S = 900.0  # on a busy machine


def with_ray(requirements: str, *arguments: str | Path, log: Path, **variables: str) -> subprocess.Popen[bytes]:
    """Start Python with these arguments and the packages of a file of requirements; what it prints goes into a file."""
    uv = str(Path(sys.executable).with_name("uv"))
    overlay = [uv, "run", "--no-project", "--python", sys.executable, "--with-requirements", requirements, "python"]
    ray = {
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # Ray would repeat the command of uv in each worker
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_raylet_start_wait_time_s": "300",  # on a busy machine
        "RAY_worker_register_timeout_seconds": "300",
        "RAY_agent_register_timeout_ms": "300000",  # the raylet ends without its agent
    }
    with log.open("wb") as file:
        return subprocess.Popen(
            [*overlay, *arguments],
            cwd=ROOT,
            env=environment(**ray, **variables),
            stdout=file,
            stderr=file,
            start_new_session=True,
        )


def ray_pids(name: str) -> list[int]:
    """Return the processes with a name that Ray gave them."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has just ended
            if path.read_bytes().startswith(f"ray::{name}".encode()):
                found.append(int(path.parent.name))
    return sorted(found)


def replica_pids() -> list[int]:
    """Return the processes of the replicas; Ray names them by their deployment."""
    return ray_pids("ServeReplica:default:Replica")


@contextmanager
def ray_serve(replicas: int, log: Path) -> Iterator[str]:
    """Serve the bundled model with a number of replicas, and yield the address."""
    variables = {"MIN_REPLICAS": str(replicas), "MAX_REPLICAS": str(replicas), "ROWS_EACH": "256"}
    words = ("-m", "ray.serve.scripts", "run", "deploy.ray:app")
    process = with_ray("deploy/requirements.txt", *words, log=log, **variables)
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


def _wait_for(process: subprocess.Popen[bytes], replicas: int, log: Path) -> None:
    end = time.monotonic() + _START_S
    while time.monotonic() < end and process.poll() is None:
        with suppress(httpx.TransportError):
            if httpx.get(f"{URL}/readyz", timeout=5).status_code == 200 and len(replica_pids()) == replicas:
                return
        time.sleep(0.5)
    raise AssertionError(log.read_text(errors="replace")[-4000:])
