"""Following a reply: when `write` yields."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from model import SamplingParams
from tests.support.app_server import serve
from ui.access.limits import Limiter, Limits
from ui.access.workers import Workers
from ui.conversation.progress import write
from ui.messages import RefusalError

pytestmark = pytest.mark.anyio


async def test_a_dead_engine_is_reported() -> None:
    loaded, workers = serve(), Workers(Limiter(Limits()), at_once=1)
    loaded.thread = threading.Thread()
    with pytest.raises(RefusalError, match="no longer answers"):
        async for _ in write(loaded, "a", SamplingParams(seed=1), workers, address="8.8.8.8", client_id=""):
            pass


async def test_a_long_reply_is_sent_seldom_and_its_end_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its end was sent up to a twentieth of its time late."""
    loaded, workers, pauses = serve(), Workers(Limiter(Limits()), at_once=1), []

    async def sleep(pause_s: float) -> None:
        pauses.append(pause_s)
        loaded.engine.step()

    clock = SimpleNamespace(monotonic=lambda: sum(pauses))
    monkeypatch.setattr("ui.conversation.progress.time", clock)
    monkeypatch.setattr("ui.conversation.progress.asyncio", SimpleNamespace(sleep=sleep))
    params, updates = SamplingParams(seed=1, length=1_000), 0
    async for _ in write(loaded, "a", params, workers, address="8.8.8.8", client_id="", sparing=True):
        updates += 1
    assert max(pauses) < 0.25
    assert len(pauses) < params.length + 5
    assert updates < 120
