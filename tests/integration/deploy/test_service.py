"""deploy.service: the whole app as an ASGI app in any ASGI server."""

from __future__ import annotations

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
            answer = httpx.post(f"{url}/v1/completions", json={"prompt": "ROMEO:", "seed": 1, "max_tokens": 80}).json()
            expected = generate(CharLSTM.from_pretrained(PRETRAINED), "ROMEO:", 80, seed=1)
            assert answer["choices"][0]["text"] == expected
        finally:
            process.terminate()
            process.communicate(timeout=60)
