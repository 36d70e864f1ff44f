"""``python app.py`` in a process of its own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.support.app_server import eventually
from tests.support.http_server import free_port

ROOT = Path(__file__).parents[2]
STARTING_S = 180


@contextmanager
def started(
    *arguments: str, program: Sequence[str | Path] = (sys.executable, "app.py"), cwd: Path = ROOT, **variables: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start the app of a folder, with more environment variables; yields the process and its address.

    The page answers by then; a model may still be loading.
    """
    port = free_port()
    process = subprocess.Popen(
        [*program, *arguments],
        cwd=cwd,
        env={**os.environ, "GRADIO_SERVER_PORT": str(port), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    url = f"http://127.0.0.1:{port}/"
    try:
        _wait_for(process, url)
        yield process, url
    finally:
        process.kill()
        process.communicate()


def _wait_for(process: subprocess.Popen[str], url: str) -> None:
    end = time.monotonic() + STARTING_S
    while time.monotonic() < end and process.poll() is None:
        try:
            if httpx.get(url, timeout=STARTING_S).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(process.communicate()[0] if process.poll() is not None else "the app does not answer")


def resident_kb(pid: int) -> int:
    return int(Path(f"/proc/{pid}/status").read_text(encoding="ascii").partition("VmRSS:")[2].split()[0])


def begin(url: str, length: int, seed: int = 1) -> str:
    """Request a reply once a model is loaded; returns the address of its events."""
    eventually(lambda: "event: complete" in httpx.get(_submit(url, 1, seed), timeout=STARTING_S).text, STARTING_S)
    return _submit(url, length, seed)


def reply(url: str, length: int, seed: int = 1) -> tuple[str, dict[str, Any]]:
    """Return a reply of a model that is loaded: the text, and what the API says about it."""
    events = httpx.get(_submit(url, length, seed), timeout=STARTING_S).text
    assert "event: complete" in events, events[-500:]
    text, about = json.loads(events.rstrip().rpartition("data: ")[2])
    return text, about


def _submit(url: str, length: int, seed: int) -> str:
    call = f"{url}gradio_api/call/generate"
    posted = httpx.post(call, json={"data": ["ROMEO:", length, 0.8, 0, 1, seed]}, timeout=STARTING_S)
    return f"{call}/{posted.json()['event_id']}"
