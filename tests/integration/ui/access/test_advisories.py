"""The attacks of Gradio's published advisories, by class, against the running app. docs/security.md has the table."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.support.app_server import App

SECRET = "root:x:0:0"


def get(app: App, path: str, **headers: str) -> httpx.Response:
    return app.http.get(f"{app.url}{path}", headers=headers)


FILES = ["/etc/passwd", "C:/Windows/win.ini", "../../../etc/passwd", "app.py", "APP.PY", "app.py::$DATA"]


@pytest.mark.parametrize("name", FILES)
def test_no_file_is_read_by_its_path(app: App, name: str) -> None:
    below = ("file=", "file/", "custom_component/x/client/y/", "custom_component/x/server/y/")
    top = ("file=", "assets/", "static/", "svelte/", f"web/{'0' * 16}/")
    for path in (*top, *(f"gradio_api/{each}" for each in below)):
        answer = get(app, path + name)
        assert answer.status_code == 404, path
        assert SECRET not in answer.text


FILE = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}


@pytest.mark.parametrize("value", [FILE, {**FILE, "url": "http://169.254.169.254/", "orig_name": "a"}, [FILE]])
def test_an_argument_is_not_taken_for_a_file(app: App, value: Any) -> None:
    answer = app.http.post("gradio_api/call/score", json={"data": [value]})
    assert answer.status_code == 400
    assert "it must be a text, a number or a short list of numbers" in answer.json()["detail"]


def test_no_address_is_fetched_for_a_visitor(app: App) -> None:
    for path in ("proxy=", "file="):
        for address in ("http://169.254.169.254/latest/", "http://127.0.0.1:1/", "https://example.org/"):
            assert get(app, f"gradio_api/{path}{address}").status_code == 404
    assert get(app, "", **{"x-direct-url": "http://169.254.169.254/"}).status_code == 200


def test_no_route_redirects_to_another_site(app: App) -> None:
    evil = "https://evil.example"
    for path in (f"login?_target_url={evil}", f"logout?_target_url={evil}", "login/huggingface"):
        assert get(app, path).status_code == 404
    for path in (f"gradio_api/file={evil}", "gradio_api/file%3Dhttps:%2F%2Fevil.example", "//evil.example"):
        assert "location" not in get(app, path).headers


def test_there_are_no_tokens_and_no_cookies(app: App) -> None:
    for path in ("", "config", "gradio_api/info", "site"):
        assert "set-cookie" not in get(app, path).headers
    for path in ("gradio_api/token", "gradio_api/user", "gradio_api/login_check", "gradio_api/runs"):
        assert get(app, path, cookie="access-token=a").status_code == 404
    assert app.http.post("login", data={"username": "a", "password": "b"}).status_code == 404


def test_nothing_is_uploaded(app: App) -> None:
    for boundary in ("a", "-" * 100_000):
        headers = {"content-type": f"multipart/form-data; boundary={boundary}"}
        for path in ("gradio_api/upload", "upload", "gradio_api/component_server", "gradio_api/process_recording"):
            answer = httpx.post(f"{app.url}{path}", content=b"--a\r\n", headers=headers)
            assert answer.status_code in (400, 404, 431)


def test_no_method_of_a_component_is_called(app: App) -> None:
    body = {"component_id": 1, "fn_name": "move_resource_to_block_cache", "data": "/etc/passwd", "session_hash": "a"}
    for path in ("gradio_api/component_server", "component_server", "component_server/"):
        assert app.http.post(f"{app.url}{path}", json=body).status_code == 404


def test_what_the_owner_alone_may_see_is_closed(app: App) -> None:
    for path in ("monitoring", "monitoring/summary", "gradio_api/vibe-code", "gradio_api/dev/reload"):
        assert get(app, path).status_code == 404
    for path in ("gradio_api/vibe-edit", "gradio_api/vibe-code", "gradio_api/flag", "gradio_api/api/flag"):
        assert app.http.post(f"{app.url}{path}", json={"prompt": "a", "code": "a"}).status_code == 404


@pytest.mark.parametrize("origin", ["null", "http://localhost", "http://127.0.0.1", "https://evil.example"])
def test_no_other_site_reads_answers(app: App, origin: str) -> None:
    """Gradio itself answers each origin with its own name and with credentials."""
    for path in ("site", "gradio_api/info", "config", "login", "gradio_api/call/nothing"):
        for method, more in (("GET", {}), ("OPTIONS", {"access-control-request-method": "POST"})):
            answer = app.http.request(method, path, headers={"origin": origin, **more})
            assert not {"access-control-allow-origin", "access-control-allow-credentials"} & set(answer.headers)


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>'])
def test_no_answer_is_a_page_with_a_visitors_text(app: App, text: str) -> None:
    # The tags of a link's preview have its prompt, escaped.
    for query in ("prompt=", "seed=1&length=5&prompt=", "__theme="):
        assert text not in get(app, f"?{query}{text}").text
    for path in ("site?since=", "config?page="):
        assert "html" not in get(app, path + text).headers["content-type"]
    assert "html" not in app.http.post("write", json={"text": text}).headers["content-type"]
