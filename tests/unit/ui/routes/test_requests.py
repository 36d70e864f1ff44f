"""What a page that keeps its conversation sends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest
from fastapi import Request

from ui.json_body import read_json
from ui.messages import RefusalError
from ui.routes.requests import address_of, digest_of


def request(peer: str, forwarded: str = "") -> Request:
    headers = [(b"x-forwarded-for", forwarded.encode())] if forwarded else []
    return Request({"type": "http", "client": (peer, 5), "headers": headers})


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("127.0.0.1", "", "127.0.0.1"),
        ("8.8.8.8", "", "8.8.8.8"),
        ("8.8.8.8", "8.8.4.4", "8.8.8.8"),  # a client that calls itself another one
        ("10.16.2.1", "8.8.4.4", "8.8.4.4"),
        ("10.16.2.1", "1.1.1.1, 8.8.4.4", "8.8.4.4"),  # what the client has sent, and what the proxy has added
        ("10.16.2.1", "8.8.4.4, 10.1.1.1", "8.8.4.4"),
        ("10.16.2.1", "unknown, <script>", "10.16.2.1"),
        ("::1", "2001:4860:4860::8888", "2001:4860:4860::8888"),
    ],
)
def test_the_address_of_a_client_is_the_last_public_one(peer: str, forwarded: str, address: str) -> None:
    assert address_of(request(peer, forwarded)) == address


def test_the_digest_is_of_what_determines_the_text() -> None:
    query: dict[str, object] = {
        "model": {"name": "a", "commit": ""},
        "text": "\ud83d",
        "settings": {"seed": 1, "length": 5},
        "received": "",
    }
    same = {**query, "settings": {"length": 5, "seed": 1}, "received": "abc", "speed": 5, "boundaries": [1]}
    assert digest_of(query) == digest_of(same)
    others = [{**query, name: value} for name, value in (("text", "b"), ("cells", [[0, 0, 1]]), ("draw_offset", 1))]
    assert len({digest_of(each) for each in (query, *others)}) == 4


def test_a_body_that_ends_too_early_is_refused() -> None:
    messages: Iterator[dict[str, object]] = iter(
        [{"type": "http.request", "body": b'{"a"', "more_body": True}, {"type": "http.disconnect"}]
    )

    async def receive() -> dict[str, object]:
        return next(messages)

    broken = Request({"type": "http", "headers": []}, receive)
    with pytest.raises(RefusalError, match="ends too early"):
        asyncio.run(read_json(broken, 100, RefusalError("refusal.too_long", field="text")))


def test_a_body_is_read_up_to_its_limit() -> None:
    async def read(length: int) -> object:
        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": json.dumps({"a": "x" * length}).encode(), "more_body": False}

        return await read_json(
            Request({"type": "http", "headers": []}, receive), 20, RefusalError("refusal.too_long", field="text")
        )

    assert asyncio.run(read(11)) == {"a": "x" * 11}
    with pytest.raises(RefusalError, match="too long"):
        asyncio.run(read(12))
