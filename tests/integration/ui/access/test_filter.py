"""Requests to the running app: which are answered; each other one is refused in one line."""

import json
import socket
from http.client import HTTPResponse
from urllib.parse import urlsplit

import httpx
import pytest

from tests.support.app_server import App
from tests.support.request_bodies import BODIES as BODIES_OF
from ui.access.filter import MAX_HEADERS, MAX_URL
from ui.access.paths import MAX_BODY, MAX_SMALL_BODY, MAX_TEXT_BODY

ORIGIN = "https://friend.example"
JOIN = {"data": ["a"], "fn_index": 0, "session_hash": "abc"}


@pytest.mark.parametrize(
    ("path", "body", "status", "detail"),
    [
        ("queue/join", {**JOIN, "fn_index": 9999}, 404, "no such endpoint"),
        ("queue/join", {**JOIN, "fn_index": True}, 404, "no such endpoint"),
        ("queue/join", {**JOIN, "session_hash": "a" * 65}, 400, "session_hash must be"),
        ("queue/join", {**JOIN, "session_hash": None}, 400, "session_hash is missing"),
        ("queue/join", {**JOIN, "data": {"prompt": "a"}}, 400, "data must be a list"),
        ("call/generate", ["a"], 400, "not a JSON object"),
        ("call/generate", {"data": []}, 400, "prompt is missing"),
        ("call/generate", {"data": ["a"] * 13}, 400, "data must be a list of at most 12"),
        ("cancel", {"session_hash": "a", "fn_index": 0, "event_id": "a" * 65}, 400, "event_id must be"),
    ],
)
def test_invalid_requests_to_the_queue_are_refused(
    app: App, capfd: pytest.CaptureFixture[str], path: str, body: object, status: int, detail: str
) -> None:
    answer = app.http.post(f"{app.url}gradio_api/{path}", json=body)
    assert answer.status_code == status
    assert detail in answer.json()["detail"]
    assert capfd.readouterr() == ("", "")


def test_a_browser_at_a_wrong_address_gets_a_page_with_a_way_back(app: App) -> None:
    answer = app.http.get(f"{app.url}nothing", headers={"accept": "text/html,*/*"})
    assert (answer.status_code, '<a href="/">' in answer.text) == (404, True)


BODIES = [b"", b"{", b"[]", b"null", b'{"id": 7}', b"\xff\xfe", b"[" * 100_000]
POSTED = ("gradio_api/call/generate", "write", "write/check", "write/stop", "trace", "passages", "v1/completions")


@pytest.mark.parametrize("path", POSTED)
def test_invalid_bodies_are_refused(app: App, capfd: pytest.CaptureFixture[str], path: str) -> None:
    for body in BODIES:
        answer = app.http.post(app.url + path, content=body)
        assert "refusal" in answer.json() or answer.status_code == 400, body
        assert answer.status_code < 500, body
    assert app.http.get(app.url + path).status_code == 405
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("path", ["gradio_api/call/generate", "write", "v1/completions"])
def test_a_full_queue_refuses_the_next_reply(app: App, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setattr(app.served("random").engine, "max_waiting", 0)
    monkeypatch.setattr(app.served("random").engine, "max_slots", 0)
    answer = app.http.post(app.url + path, json=BODIES_OF[f"/{path}"])
    if path.startswith("gradio_api"):
        answer = app.http.get(f"{app.url}{path}/{answer.json()['event_id']}")
    assert "try again in a moment" in answer.text or "refusal.queue" in answer.text


def test_bodies_have_a_size(app: App) -> None:
    for path, most in (("gradio_api/call/generate", MAX_BODY), ("write", MAX_TEXT_BODY), ("passages", MAX_SMALL_BODY)):
        answer = httpx.post(app.url + path, content=b" " * (most + 1))
        assert answer.status_code == 413
        assert answer.json()["detail"] == f"The request is too long: at most {most:,} bytes are allowed."
        assert answer.json()["refusal"] == {"id": "refusal.body_too_long", "values": {"most": most}}
        assert app.http.post(app.url + path, content=b" " * most).status_code in (200, 400)
    # without a Content-Length the body is counted while it is received
    answer = httpx.post(f"{app.url}trace", content=(b" " * (64 << 10) for _ in range(9)))
    assert answer.status_code == 413


def answer_to(app: App, request: str) -> HTTPResponse:
    """The answer to a request that no HTTP client sends."""
    address = urlsplit(app.url)
    assert address.port
    with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
        connection.sendall(request.encode())
        answer = HTTPResponse(connection)
        answer.begin()
        return answer


def test_a_body_that_is_sent_slowly_ends(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.server.filter, "_body_s", 0.2)
    for framing, begun in (("Content-Length: 1000", "{"), ("Transfer-Encoding: chunked", "1\r\n{\r\n")):
        answer = answer_to(app, f"POST /trace HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n{begun}")
        assert answer.status == 408
        assert "did not arrive within 0.2 seconds" in json.load(answer)["detail"]


def test_heads_have_a_size(app: App) -> None:
    assert httpx.get(f"{app.url}site?since={'a' * MAX_URL}").status_code == 414
    assert httpx.get(f"{app.url}site", headers=[(f"x-{at}", "1") for at in range(MAX_HEADERS)]).status_code == 431
    assert httpx.get(f"{app.url}site", headers={"x-large": "a" * 9_000}).status_code == 431
    for content, headers in ((b"a", {}), ([b"a"], {})):
        assert app.http.request("GET", "site", content=content, headers=headers).status_code == 400


def test_only_names_of_this_machine_are_answered(app: App) -> None:
    """Otherwise a page of another site reads a local app, and the private model in it (DNS rebinding)."""
    answer = app.http.get("site", headers={"host": "evil.example"})
    assert answer.status_code == 403
    assert answer.json()["detail"].endswith("its owner can list it in ALLOWED_HOSTS")
    assert app.http.get("site", headers={"host": "localhost:1"}).status_code == 200
    assert app.http.get("readyz", headers={"host": "10.2.3.4:7860"}).status_code == 200


def test_a_listed_origin_may_read_answers(app: App) -> None:
    ask = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}
    for method, more in (("GET", {}), ("OPTIONS", ask)):
        answer = app.http.request(method, "site", headers={"origin": ORIGIN, **more})
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, ORIGIN)
        assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("host", ["::", "999.1.1.1", "evil.example", ""])
@pytest.mark.parametrize("header", ["x-forwarded-host", "x-gradio-server"])
def test_a_forwarded_host_that_is_not_served_is_ignored(app: App, header: str, host: str) -> None:
    answer = app.http.get("config", headers={header: host})
    assert answer.json()["root"] == app.url.rstrip("/")


def test_there_is_no_web_socket(app: App) -> None:
    head = "GET /gradio_api/queue/join HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    keys = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    assert answer_to(app, head + keys).status >= 400
