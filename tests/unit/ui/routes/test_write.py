"""Following a reply: an engine that has ended, and how often a program gets the text so far."""

import threading
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from model import SamplingParams
from tests.support.app_server import serve
from ui.conversation import ReadText
from ui.registry.registry import ModelRegistry
from ui.routes.requests import Services, WriteRequest
from ui.routes.write import RunningReplies

pytestmark = pytest.mark.anyio


async def test_a_dead_engine_is_reported() -> None:
    loaded, replies = serve(), RunningReplies(Services(ModelRegistry()))
    loaded.thread = threading.Thread()
    request = WriteRequest(client="", served=loaded, params=SamplingParams(seed=1))
    reply = await replies.start(request, ReadText(loaded, "a"), "8.8.8.8")
    assert [piece async for piece in reply.pieces()] == [""]
    assert "no longer answers" in str(reply.error)


@pytest.mark.slow
async def test_a_long_reply_is_sent_seldom_and_its_end_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from ui.routes import api  # imports Gradio: seconds, which the other tests must not wait

    now = 0.0

    async def pieces() -> AsyncIterator[str]:
        nonlocal now
        for _ in range(1_000):
            yield "a"
            now += 1 / 60

    monkeypatch.setattr(api, "time", SimpleNamespace(monotonic=lambda: now))
    reply: Any = SimpleNamespace(pieces=pieces, finish_reason="length")
    sent = [each async for each in api.spaced(reply)]
    assert sent[0] == ("a", None)
    assert sent[-1] == ("a" * 1_000, "length")
    assert len(sent) < 120
