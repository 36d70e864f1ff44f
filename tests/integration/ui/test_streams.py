"""Many replies at once: which of them wait, and that a full queue still takes a first reply of another visitor.

test_write.py stops and leaves replies, and the tests of the engine show that this changes no other reply.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, aclosing
from typing import Any

import httpx
import pytest

from model import generate
from tests.support.app_server import App, eventually
from tests.support.page_client import LIMITS, TIMEOUT_S, PageClient, Visitor

pytestmark = pytest.mark.anyio


async def test_a_waiting_request_gets_its_queue_position(
    app: App, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.served("tale").engine, "max_slots", 1)
    monkeypatch.setattr(app.network("tale"), "delay_s", 0.02)
    async with AsyncExitStack() as streams:
        one, *others = [Visitor(http, app.url, "tale") for _ in range(4)]
        reading = asyncio.create_task(one.send("a", length=10_000))
        await asyncio.to_thread(eventually, lambda: app.served("tale").engine.running == 1)
        texts = []
        for other in others:
            events = await streams.enter_async_context(aclosing(other.events("a", length=10_000)))
            texts.append(await anext(event["status"] async for event in events if "status" in event))
        assert texts == ["It starts in a moment …", "Busy: 1 person ahead of you …", "Busy: 2 people ahead of you …"]
        for each in (*reversed(others), one):
            assert await each.stop()
        await reading
    await asyncio.to_thread(eventually, lambda: app.served("tale").engine.idle)


async def test_addresses_with_many_slow_replies_close_writing_to_no_other(
    app: App, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many replies as there may be are unfinished: one of them ends."""
    engine = app.served("random").engine
    monkeypatch.setattr(engine, "max_slots", 96)
    monkeypatch.setattr(engine, "max_waiting", 32)
    async with AsyncExitStack() as stack:
        tasks = []
        for at in range(2):
            options: Any = {"headers": {"x-forwarded-for": f"9.9.9.{at}"}, "timeout": TIMEOUT_S, "limits": LIMITS}
            client = await stack.enter_async_context(httpx.AsyncClient(**options))
            for _ in range(64):
                slow = PageClient(client, app.url)
                tasks.append(asyncio.create_task(slow.read(slow.request("random", "", length=1_500, speed=5))))
        await asyncio.to_thread(eventually, lambda: engine.running + engine.waiting == len(tasks))
        reply = await PageClient(http, app.url).write("random", "ROMEO:", length=50)
        assert reply.text == generate(app.served("random").lm, "ROMEO:", 50, temperature=0.8, seed=7)
        await asyncio.to_thread(eventually, lambda: sum(task.done() for task in tasks) >= 1)
        endings = [task.result().ending for task in tasks if task.done()]
        full = "The server is busy and its queue is full: try again in a moment."
        assert [(each["end"], each["error"]) for each in endings] == [("error", full)]
        written = engine.written
        await asyncio.to_thread(eventually, lambda: engine.written > written + len(tasks))
        assert app.page
        for each in list(app.page.write.replies._replies.values()):
            each.stop()
        await asyncio.gather(*tasks)
