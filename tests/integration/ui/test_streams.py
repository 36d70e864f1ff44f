"""Many pages that read replies at once, and end them in every way that a page can."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack, aclosing
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from model import generate
from tests.support.app_server import App, eventually, random_model, scripted_model, serving
from tests.support.page_client import LIMITS, TIMEOUT_S, Visitor
from tests.support.write_client import PageClient

TALE = "Once upon a time there was a small machine that wrote one character after another.\n"
STREAMS = 128
RETURN_S = 1.0  # until a reply without a reader ends


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    with serving({"random": random_model(), "tale": scripted_model(TALE)}) as app:
        yield app


async def idle(app: App, name: str = "random") -> None:
    """Returns once nothing is being written."""
    engine = app.served(name).engine
    await asyncio.to_thread(eventually, lambda: engine.idle)


def http_client() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=TIMEOUT_S, limits=LIMITS)


def test_an_event_holds_only_what_is_new_and_comes_while_it_is_written(app: App) -> None:
    async def story() -> list[dict[str, Any]]:
        async with http_client() as http:
            visitor = Visitor(http, app.url, "tale")
            return [event async for event in visitor.events("", length=150, speed=60)]

    events = asyncio.run(story())
    pieces = [event["text"] for event in events if "text" in event]
    assert "".join(pieces) == (TALE * 2)[:150]
    assert len(pieces) >= 10
    assert any("1 writing" in event.get("activity", "") for event in events)


@pytest.mark.parametrize("origin", ["", "http://example.com"])
def test_no_other_site_may_read_a_reply_and_nothing_keeps_it(app: App, origin: str) -> None:
    async def story() -> httpx.Headers:
        async with http_client() as http:
            request = PageClient(http, app.url).request("random", "a", length=5)
            headers = {"origin": origin} if origin else {}
            return (await http.post(f"{app.url}write", json=request, headers=headers)).headers

    headers = asyncio.run(story())
    assert headers["content-type"].startswith("text/event-stream")
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in headers


def test_a_page_that_vanishes_frees_its_row_and_goes_on_when_it_is_back(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.routes.running_replies.RETURN_S", 0.1)

    async def story() -> None:
        async with http_client() as http:
            visitor = Visitor(http, app.url, "random")
            received = await _close_the_tab(app, visitor, 1)
            await idle(app)
            await visitor.continue_reply(length=20)
            length = len(received) + 20
            assert visitor.text == "ROMEO:" + generate(app.served("random").lm, "ROMEO:", length, seed=1)

    asyncio.run(story())


def test_who_waits_is_told_their_place(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.served("random").engine, "max_slots", 1)

    async def story() -> None:
        async with http_client() as http, AsyncExitStack() as streams:
            one, *others = [Visitor(http, app.url, "random") for _ in range(4)]
            reading = asyncio.create_task(one.send("a", length=10_000, speed=60))
            await asyncio.to_thread(eventually, lambda: app.served("random").engine.running == 1)
            texts = []
            for other in others:
                events = await streams.enter_async_context(aclosing(other.events("a", length=10_000, speed=60)))
                texts.append(await anext(event["status"] async for event in events if "status" in event))
            assert texts == [
                "It starts in a moment …",
                "Busy: 1 person ahead of you …",
                "Busy: 2 people ahead of you …",
            ]
            for each in (*reversed(others), one):
                assert await each.stop()
            await reading
        await idle(app)

    asyncio.run(story())


async def _stop(app: App, visitor: Visitor, seed: int) -> str:
    reading = asyncio.create_task(visitor.send("ROMEO:", length=10_000, speed=60, seed=seed))
    await asyncio.to_thread(eventually, lambda: len(visitor.text) > 20 or reading.done())
    await visitor.stop()
    await visitor.stop()
    reply = await reading
    assert reply.ending["end"] == "abort"
    return reply.text


async def _close_the_tab(app: App, visitor: Visitor, seed: int) -> str:
    """The beginning of a reply, of at least 40 characters; then the reader leaves."""
    text = ""
    async with aclosing(visitor.events("ROMEO:", length=10_000, speed=60, seed=seed)) as events:
        while len(text) < 40:
            text += (await anext(events)).get("text", "")
    return text


async def _drop_the_socket(app: App, visitor: Visitor, seed: int) -> str:
    """The connection ends in a reset, in the middle of whatever it was."""
    address = urlsplit(f"{app.url}write")
    request = json.dumps(visitor.page.request("random", "ROMEO:", length=10_000, speed=60, seed=seed))
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    head = f"POST {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Length: {len(request)}\r\n\r\n"
    writer.write(f"{head}{request}".encode())
    await reader.readuntil(b'"text"')
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    writer.transport.abort()
    return ""


async def _abort(app: App, visitor: Visitor, seed: int) -> str:
    reading = asyncio.create_task(visitor.send("ROMEO:", length=10_000, speed=60, seed=seed))
    await asyncio.to_thread(eventually, lambda: len(visitor.text) > 60)
    engine = app.served("random").engine
    for row in list(engine._running):
        if row.sequence.params.seed == seed:
            engine.abort(row.sequence)
    reply = await reading
    assert reply.ending["end"] == "abort"
    return reply.text


async def _meet_a_fault(app: App, visitor: Visitor, seed: int) -> str:
    reply = await visitor.send("ROMEO:", length=10_000, speed=60, seed=seed)
    assert (reply.ending["end"], len(reply.text)) == ("error", 50)
    return reply.text


_WAYS = [_stop, _close_the_tab, _drop_the_socket, _abort, _meet_a_fault]
_SEEDS = {way: set(range(2 * at + 1, STREAMS, 2 * len(_WAYS))) for at, way in enumerate(_WAYS)}


def test_streams_that_end_in_any_way_leave_the_others_as_they_are(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    lm, engine = app.served("random").lm, app.served("random").engine
    draw = engine._draw

    def faulty(rows: Any, length: int) -> Any:
        if any(row.sequence.params.seed in _SEEDS[_meet_a_fault] and row.sequence.length == 50 for row in rows):
            raise RuntimeError("this row cannot be written")
        return draw(rows, length)

    monkeypatch.setattr(engine, "_draw", faulty)
    monkeypatch.setattr("ui.routes.running_replies.RETURN_S", RETURN_S)

    async def one(visitor: Visitor, seed: int) -> str:
        way = next((way for way, seeds in _SEEDS.items() if seed in seeds), None)
        if way:
            return await way(app, visitor, seed)
        reply = await visitor.send("ROMEO:", length=150, speed=60, seed=seed)
        assert reply.ending["end"] == "length"
        return reply.text

    async def all_of_them() -> list[str]:
        async with http_client() as http:
            visitors = [Visitor(http, app.url, "random") for _ in range(STREAMS)]
            texts = await asyncio.gather(*[one(visitor, seed) for seed, visitor in enumerate(visitors)])
            await idle(app)
            assert not any(visitor.connections > 1 for visitor in visitors)
            return texts

    texts = asyncio.run(all_of_them())
    assert all(len(text) == 150 for text in texts[::2])
    for seed, text in enumerate(texts):
        alone = generate(lm, "ROMEO:", max(len(text), 1), temperature=0.8, seed=seed)
        assert text in (alone, ""), f"the text of seed {seed} is another"
