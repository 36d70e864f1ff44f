"""The files of web/ are served at an address that contains their version."""

import shutil
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from ui.routes.web_files import WebFiles


def client(files: WebFiles) -> TestClient:
    return TestClient(FastAPI(routes=[files.route]))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "main.js").write_text("export const text = 'ü'; // a comment\n" * 50, encoding="utf-8")
    (tmp_path / "worker.wasm").write_bytes(b"\0asm")
    (tmp_path / "README.md").write_text("for people", encoding="utf-8")
    return tmp_path


def test_a_file_has_its_content_type_on_every_system_and_is_cached(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mimetypes.guess_type", lambda *_: ("text/plain", None))
    files = WebFiles(folder)
    web, base = client(files), files.base()
    module = web.get(f"{base}page/main.js")
    assert module.text == "export const text='ü';" * 50
    assert module.headers["content-type"] == "text/javascript; charset=utf-8"
    assert module.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert module.headers["content-encoding"] == "gzip"
    plain = web.get(f"{base}page/main.js", headers={"accept-encoding": "identity"})
    assert plain.content == module.content
    assert "content-encoding" not in plain.headers
    wasm = web.get(f"{base}worker.wasm")
    assert (wasm.headers["content-type"], wasm.content) == ("application/wasm", b"\0asm")


@pytest.mark.parametrize(
    "name", ["", "README.md", "page", "page/", "../app.py", "%2e%2e/app.py", "page//main.js", "x.js"]
)
def test_no_other_file_is_served(folder: Path, name: str) -> None:
    files = WebFiles(folder)
    answer = client(files).get(f"{files.base()}{name}")
    assert (answer.status_code, answer.headers.get("cache-control")) in ((404, "no-store"), (404, None))


def test_another_version_has_another_address(folder: Path) -> None:
    before = WebFiles(folder)
    same = folder.parent / "copy"
    shutil.copytree(folder, same)
    assert WebFiles(same).digest == before.digest
    (folder / "page" / "main.js").rename(folder / "page" / "other.js")
    renamed = WebFiles(folder)
    (folder / "worker.wasm").write_bytes(b"\0asn")
    assert len({before.digest, renamed.digest, WebFiles(folder).digest}) == 3
    assert client(renamed).get(f"{before.base()}worker.wasm").status_code == 404
    assert client(renamed).get(f"{renamed.base()}worker.wasm").content == b"\0asm"
