"""deploy.service: the whole app as an ASGI app in any ASGI server."""

from __future__ import annotations

import json
import subprocess
import sys

import httpx

from model import PRETRAINED, CharLSTM, generate
from model.checkpoint.bundled import bundled_names
from tests.support.app_server import eventually
from tests.support.ports import free_port


def test_uvicorn_serves_the_whole_app() -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "uvicorn", "--factory", "deploy.service:build", "--port", str(port)]

    def ready() -> bool:
        try:
            return httpx.get(f"{url}/readyz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        try:
            eventually(lambda: process.poll() is not None or ready())
            document = httpx.get(url).text
            assert '<main id="page">' in document
            assert "/generate" in httpx.get(f"{url}/gradio_api/info").json()["named_endpoints"]
            assert [model["name"] for model in httpx.get(f"{url}/site").json()["models"]] == [*bundled_names()]
            lines = httpx.post(f"{url}/stream", json={"prompt": "ROMEO:", "seed": 1, "length": 80}).text.splitlines()
            events = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
            expected = generate(CharLSTM.from_pretrained(PRETRAINED), "ROMEO:", 80, seed=1)
            assert "".join(event.get("text", "") for event in events) == expected
        finally:
            process.terminate()
            process.communicate(timeout=60)
