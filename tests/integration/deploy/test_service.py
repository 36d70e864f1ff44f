"""deploy.service: the whole app as an ASGI app in any ASGI server."""

import threading

import httpx
import uvicorn

from model import PRETRAINED, CharLSTM, generate
from model.checkpoint.names import bundled_names
from tests.support.app_server import eventually
from tests.support.http_server import free_port


def test_uvicorn_serves_the_whole_app() -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    server = uvicorn.Server(uvicorn.Config("deploy.service:build", factory=True, port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        eventually(lambda: server.started and httpx.get(f"{url}/readyz", timeout=60).status_code == 200)
        document = httpx.get(url).text
        assert '<main id="page">' in document
        assert "/generate" in httpx.get(f"{url}/gradio_api/info").json()["named_endpoints"]
        assert [model["name"] for model in httpx.get(f"{url}/site").json()["models"]] == [*bundled_names()]
        answer = httpx.post(f"{url}/v1/completions", json={"prompt": "ROMEO:", "seed": 1, "max_tokens": 80}).json()
        assert answer["choices"][0]["text"] == generate(CharLSTM.from_pretrained(PRETRAINED), "ROMEO:", 80, seed=1)
    finally:
        server.should_exit = True
        thread.join()
