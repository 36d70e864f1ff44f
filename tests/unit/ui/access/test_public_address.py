"""The address that visitors see: only a trusted proxy may name it."""

from __future__ import annotations

import pytest

from ui.access.clients import Proxies
from ui.access.names import Names
from ui.access.public_address import address_of_app, origin_of

FORWARDED = [(b"host", b"127.0.0.1:7860"), (b"x-forwarded-host", b"tales.example"), (b"x-forwarded-proto", b"https")]
ANY = Names("0.0.0.0")  # noqa: S104


def test_a_trusted_proxy_names_host_and_scheme() -> None:
    assert origin_of("http", FORWARDED, ("127.0.0.1", 50312), Proxies(), ANY) == "https://tales.example"
    assert origin_of("http", FORWARDED, ("10.1.2.3", 50312), Proxies(["10.0.0.0/8"]), ANY) == "https://tales.example"
    # uvicorn has replaced the address of the proxy by that of its client.
    assert origin_of("https", FORWARDED, ("8.8.8.8", 0), Proxies(), ANY) == "https://tales.example"


def test_an_untrusted_peer_names_no_origin() -> None:
    assert origin_of("http", FORWARDED, ("8.8.8.8", 50312), Proxies(), ANY) == "http://127.0.0.1:7860"


def test_a_host_that_is_no_host_or_not_allowed_is_not_repeated() -> None:
    for host in (b'a"><script>', b"a b", b"", b"x/../y", b"x@y"):
        assert origin_of("http", [(b"host", host)], ("127.0.0.1", 1), Proxies(), ANY) == ""
    assert origin_of("http", FORWARDED, ("127.0.0.1", 1), Proxies(), Names("127.0.0.1")) == ""


@pytest.mark.parametrize(
    ("root", "address"),
    [
        ("", "https://x.example/"),
        ("/app", "https://x.example/app/"),
        ("/a/b/", "https://x.example/a/b/"),
        ("https://other.example/app/", "https://other.example/app/"),
        ('/"><script>', "https://x.example/"),
    ],
)
def test_a_path_below_which_the_app_lies_is_part_of_its_address(root: str, address: str) -> None:
    assert address_of_app("https://x.example", root) == address


def test_an_unknown_origin_gives_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    assert address_of_app("", "/app") == ""
    monkeypatch.setenv("SPACE_HOST", "ada-novel.hf.space")
    assert address_of_app("http://127.0.0.1:7860", "") == "https://ada-novel.hf.space/"
