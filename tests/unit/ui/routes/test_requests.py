"""The request of a page that stores its conversation itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from fastapi import Request

from ui.access.limits import Limiter, Limits
from ui.access.workers import Workers
from ui.json_body import read_json
from ui.messages import RefusalError
from ui.routes.requests import digest_of


def test_the_digest_covers_all_fields_that_determine_the_text() -> None:
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
        asyncio.run(read_json(broken, Workers.preparing(Limiter(Limits()))))
