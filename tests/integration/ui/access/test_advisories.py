"""The attacks of Gradio's published advisories, by class, against the running app. docs/security.md has the table."""

from typing import Any

import pytest

from tests.support.app_server import App

NAMES = ["/etc/passwd", "C:/Windows/win.ini", "../../../etc/passwd", "app.py", "APP.PY", "app.py::$DATA"]
BELOW = ("file=", "file/", "custom_component/x/client/y/", "custom_component/x/server/y/")
FOLDERS = ["file=", "assets/", "static/", "svelte/", f"web/{'0' * 16}/", *(f"gradio_api/{each}" for each in BELOW)]
ADDRESSES = ("http://169.254.169.254/latest/", "http://127.0.0.1:1/", "https://example.org/")
EVIL = "https://evil.example"
CLOSED = {
    "files": [folder + name for folder in FOLDERS for name in NAMES],
    "addresses": [f"gradio_api/{way}={address}" for way in ("proxy", "file") for address in ADDRESSES],
    "redirects": [
        *(f"login?_target_url={EVIL}", f"logout?_target_url={EVIL}", "login/huggingface", f"/{EVIL[6:]}"),
        *(f"gradio_api/file={EVIL}", "gradio_api/file%3Dhttps:%2F%2Fevil.example"),
    ],
    "tokens": [f"gradio_api/{name}" for name in ("token", "user", "login_check", "runs")],
    "uploads": ["gradio_api/upload", "upload", "gradio_api/process_recording"],
    "components": ["gradio_api/component_server", "component_server", "component_server/"],
    "the owner's": [
        *("monitoring", "monitoring/summary", "gradio_api/flag", "gradio_api/api/flag"),
        *(f"gradio_api/{name}" for name in ("vibe-code", "vibe-edit", "dev/reload")),
    ],
}


@pytest.mark.parametrize("kind", CLOSED)
def test_nothing_is_at_the_addresses_of_attacks(app: App, kind: str) -> None:
    body = {"component_id": 1, "fn_name": "move_resource_to_block_cache", "data": "/etc/passwd", "session_hash": "a"}
    for path in CLOSED[kind]:
        for method, options in (("GET", {}), ("POST", {"json": body}), ("POST", {"files": {"files": b"a"}})):
            answer = app.http.request(method, app.url + path, headers={"cookie": "access-token=a"}, **options)
            assert answer.status_code in (404, 405), path
            assert "root:x:0:0" not in answer.text
            assert "location" not in answer.headers


def test_headers_of_uploads_have_a_size_and_name_no_address_to_fetch(app: App) -> None:
    headers = {"content-type": f"multipart/form-data; boundary={'-' * 100_000}"}
    assert app.http.post("upload", content=b"--a\r\n", headers=headers).status_code in (400, 431)
    assert app.http.get("", headers={"x-direct-url": "http://169.254.169.254/"}).status_code == 200


FILE = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}


@pytest.mark.parametrize("value", [FILE, {**FILE, "url": "http://169.254.169.254/", "orig_name": "a"}, [FILE]])
def test_an_argument_is_not_taken_for_a_file(app: App, value: Any) -> None:
    answer = app.http.post("gradio_api/call/score", json={"data": [value]})
    assert answer.status_code == 400
    assert "it must be a text, a number or a short list of numbers" in answer.json()["detail"]


@pytest.mark.parametrize("origin", ["null", "http://localhost", "http://127.0.0.1", EVIL])
def test_no_other_site_reads_answers_and_no_cookie_is_set(app: App, origin: str) -> None:
    """Gradio itself answers each origin with its own name and with credentials."""
    for path in ("", "site", "gradio_api/info", "config", "login", "gradio_api/call/nothing"):
        for method, more in (("GET", {}), ("OPTIONS", {"access-control-request-method": "POST"})):
            answer = app.http.request(method, path, headers={"origin": origin, **more})
            forbidden = {"access-control-allow-origin", "access-control-allow-credentials", "set-cookie"}
            assert not forbidden & set(answer.headers)


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>'])
def test_no_answer_is_a_page_with_a_visitors_text(app: App, text: str) -> None:
    # The tags of a link's preview have its prompt, escaped.
    for query in ("prompt=", "seed=1&length=5&prompt=", "__theme="):
        assert text not in app.http.get(f"{app.url}?{query}{text}").text
    for path in ("site?since=", "config?page="):
        assert "html" not in app.http.get(path + text).headers["content-type"]
    assert "html" not in app.http.post("write", json={"text": text}).headers["content-type"]
