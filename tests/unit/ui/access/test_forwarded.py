"""Only a trusted proxy may name the host and the scheme of a request."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.requests import Request

from ui.access.addresses import Names, Proxies, address_of_app
from ui.access.filter import RequestFilter
from ui.access.gradio_calls import GradioCalls
from ui.access.limits import Limiter, Limits

FORWARDED = [(b"host", b"app.example:7860"), (b"x-forwarded-host", b"tales.example"), (b"x-forwarded-proto", b"https")]
PUBLIC = Names("0.0.0.0")  # noqa: S104


@pytest.mark.parametrize(
    ("peer", "names", "address"),
    [
        (("127.0.0.1", 50312), PUBLIC, "https://tales.example/"),
        (("10.1.2.3", 50312), PUBLIC, "https://tales.example/"),
        (("8.8.8.8", 0), PUBLIC, "https://tales.example/"),  # uvicorn has replaced the address of the proxy
        (("8.8.8.8", 50312), PUBLIC, "http://app.example:7860/"),
        (("10.1.2.3", 50312), Names("0.0.0.0", {"app.example"}), "https://app.example:7860/"),  # noqa: S104
    ],
)
def test_a_trusted_proxy_names_host_and_scheme_and_no_other_peer(
    peer: tuple[str, int], names: Names, address: str
) -> None:
    seen: list[str] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append(address_of_app(Request(scope)))

    limiter = Limiter(Limits())
    layer = RequestFilter(app, calls=GradioCalls({}), names=names, proxies=Proxies(["10.0.0.0/8"]), limiter=limiter)
    scope = {"type": "http", "method": "GET", "scheme": "http", "path": "/site", "query_string": b"", "client": peer}
    none: Any = None
    asyncio.run(layer({**scope, "headers": FORWARDED, "server": None}, none, none))
    assert seen == [address]
