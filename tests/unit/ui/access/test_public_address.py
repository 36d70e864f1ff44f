"""The address that visitors see."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from ui.access.public_address import address_of_app


@pytest.mark.parametrize(
    ("root", "space", "address"),
    [
        ("", "", "https://x.example/"),
        ("/app", "", "https://x.example/app/"),
        ("/a/b/", "", "https://x.example/a/b/"),
        ("https://other.example/app/", "", "https://other.example/app/"),
        ("", "ada-novel.hf.space", "https://ada-novel.hf.space/"),
    ],
)
def test_the_address_has_the_host_and_the_path_below_which_the_app_lies(
    root: str, space: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPACE_HOST", space)
    scope = {"type": "http", "scheme": "https", "path": "/", "root_path": root, "headers": [(b"host", b"x.example")]}
    assert address_of_app(Request({**scope, "query_string": b"", "server": None})) == address
