"""The client address of a request behind trusted and other proxies; the host names and addresses of the app."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.requests import Request

from ui.access.addresses import Names, address_of_app
from ui.registry.registry import ModelRegistry
from ui.site_config import SiteConfig

SPACE = {"SPACE_ID": "user/space"}
LISTED = {"FORWARDED_ALLOW_IPS": "198.51.100.7/24, 2001:db8::7"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("environment", "peer", "forwarded", "client"),
    [
        ({}, "203.0.113.7", "8.8.8.8", "203.0.113.7"),  # the client sends a forged address
        ({}, "127.0.0.1", "8.8.4.4, 8.8.8.8:50312", "8.8.8.8"),
        ({}, "10.1.2.3", "8.8.8.8", "10.1.2.3"),  # a private address is not a proxy by itself
        (SPACE, "10.16.3.4", "9.9.9.9, 8.8.8.8, 10.20.1.1", "8.8.8.8"),
        (LISTED, "198.51.100.9", "8.8.8.8", "8.8.8.8"),
        (LISTED, "2001:db8::7", "9.9.9.9, 8.8.8.8", "8.8.8.8"),
        (LISTED, "198.51.101.9", "8.8.8.8", "198.51.101.9"),
    ],
)
def test_the_last_address_of_no_trusted_proxy_is_the_clients(
    environment: dict[str, str], peer: str, forwarded: str, client: str
) -> None:
    """uvicorn's middleware, with the proxies that the app trusts; others name no host either."""
    from ui.page.launch import outermost  # imports Gradio: seconds, which the other tests must not wait

    seen = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append((scope["client"][0], scope["scheme"], len(scope["headers"])))

    page: Any = SimpleNamespace(registry=ModelRegistry(site=SiteConfig.of(environment)))
    headers = [(b"x-forwarded-for", forwarded.encode()), (b"x-forwarded-proto", b"https"), (b"x-forwarded-host", b"a")]
    asyncio.run(outermost(app, page)({"type": "http", "scheme": "http", "client": (peer, 1), "headers": headers}, 0, 0))
    assert seen == [(client, "http", 2) if client == peer else (client, "https", 3)]


HERE = ["localhost", "LOCALHOST:7860", "127.0.0.1:7860", "[::1]:7860", "app.localhost"]
EVIL = ["evil.example", "evil.example:7860", "127.0.0.1.evil.example", "localhost.evil.example"]
WRONG = ["::", "a:b", "a:99999", "[:::::]", "[1.2.3.4]", "999.1.1.1", "a/b", "a@b", "a b", "::1"]


def test_an_app_on_a_loopback_address_accepts_names_of_this_machine_and_listed_ones() -> None:
    for names in (Names("127.0.0.1"), Names("localhost")):
        assert [host for host in ["", *HERE, *EVIL, *WRONG] if names.allows(host)] == HERE
    listed = Names("127.0.0.1", frozenset({"example.org"}))
    allowed = [*HERE, "example.org", "EXAMPLE.org:443"]
    assert [host for host in [*allowed, *EVIL] if listed.allows(host)] == allowed


def test_a_public_app_accepts_every_name_unless_some_are_listed() -> None:
    names = Names("203.0.113.1")
    assert [host for host in [*HERE, *EVIL, *WRONG] if names.allows(host)] == [*HERE, *EVIL]
    assert not Names("203.0.113.1", frozenset({"example.org"})).allows("evil.example")
    for host in WRONG:
        assert not Names("203.0.113.1", frozenset({host.partition(":")[0]})).allows(host)


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
