"""The page's streams as a browser meets them: a move, then the reply as server-sent events."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from model import generate
from tests.support.app_server import App, eventually, random_model, scripted_model, serving
from tests.support.page_client import LIMITS, TIMEOUT_S, Visitor

TALE = "Once upon a time there was a small machine that wrote one character after another.\n"
FAST = 200
STREAMS = 128


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    with serving({"random": random_model(), "tale": scripted_model(TALE)}) as app:
        yield app


@asynccontextmanager
async def visiting(app: App) -> AsyncIterator[Callable[[], Visitor]]:
    """Makes visitors."""
    async with httpx.AsyncClient(timeout=TIMEOUT_S, limits=LIMITS) as http:
        config = (await http.get(f"{app.url}config")).json()
        yield lambda: Visitor(http, app.url, config)


def visit(app: App, story: Callable[[Visitor], Coroutine[Any, Any, Any]]) -> Any:
    """What one visitor's story gives."""

    async def whole() -> Any:
        async with visiting(app) as visitor:
            return await story(visitor())

    return asyncio.run(whole())


async def idle(app: App, name: str = "random") -> None:
    """Returns once nothing is written any more."""
    engine = app.served(name).engine
    await asyncio.to_thread(eventually, lambda: engine.idle)


async def begin_to_read(visitor: Visitor, token: str, length: int) -> str:
    """The beginning of a reply, of at least so many characters; then the reader goes."""
    text = ""
    async with aclosing(visitor.read(token)) as told:
        while len(text) < length:
            text += (await anext(told)).get("text", "")
    return text


def test_the_text_over_the_stream_is_that_of_generate_and_so_is_its_continuation(app: App) -> None:
    async def story(visitor: Visitor) -> None:
        token = await visitor.send("ROMEO:", Length=300, Speed=FAST, Seed=7)
        text, said = await visitor.reply(token)
        assert text == generate(app.served("random").lm, "ROMEO:", 300, temperature=0.8, seed=7)
        assert [each["as"] for each in said] == ["foot"]
        view = await visitor.settle(token)
        assert view == [{"turn": 1, "prompt": "ROMEO:"}, {"text": text}, *said]
        *before, stream = await visitor.press("Continue", Length=50, Speed=FAST)
        assert before == view[:-1]
        more, _ = await visitor.reply(stream["stream"])
        assert text + more == generate(app.served("random").lm, "ROMEO:", 350, temperature=0.8, seed=7)

    visit(app, story)


def test_a_message_holds_only_what_is_new_and_comes_while_it_is_written(app: App) -> None:
    async def story(visitor: Visitor) -> list[dict[str, Any]]:
        return [line async for line in visitor.read(await visitor.send("", Length=60, Speed=60, Model="tale"))]

    told = visit(app, story)
    pieces = [line["text"] for line in told if "text" in line]
    assert "".join(pieces) == TALE[:60]
    assert len(pieces) >= 5
    assert any("1 writing" in line.get("load", "") for line in told)


def test_what_the_answer_says_of_itself(app: App) -> None:
    async def story(visitor: Visitor) -> None:
        token = await visitor.send("a", Length=5, Speed=FAST)
        answer = await visitor.http.get(visitor.address(token))
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in answer.headers
        token = await visitor.send("a", Length=5, Speed=FAST)
        strange = await visitor.http.get(visitor.address(token), headers={"origin": "http://example.com"})
        assert "access-control-allow-origin" not in strange.headers

    visit(app, story)


def test_a_token_is_good_once_and_an_unknown_one_never(app: App) -> None:
    async def story(visitor: Visitor) -> None:
        token = await visitor.send("a", Length=5, Speed=FAST)
        await visitor.reply(token)
        for each in (token, "nothing", "x" * 5000, "%00"):
            answer = await visitor.http.get(visitor.address(each))
            assert answer.status_code == 404
            assert answer.text == "there is no such stream, or it has been read already\n"
        second = await visitor.send("a", Length=10_000, Speed=5)
        assert (await visitor.http.head(visitor.address(second))).status_code == 405
        async with aclosing(visitor.read(second)) as told:
            await anext(told)
            assert (await visitor.http.get(visitor.address(second))).status_code == 404
        await idle(app)

    visit(app, story)


def test_a_reader_that_vanishes_frees_its_row_and_the_page_goes_on(app: App) -> None:
    async def story(visitor: Visitor) -> None:
        token = await visitor.send("", Length=10_000, Speed=60, Model="tale")
        await begin_to_read(visitor, token, 1)
        await idle(app, "tale")
        view = await visitor.settle(token)
        assert "stopped" in view[-1]["say"]
        text, _ = await visitor.reply(await visitor.send("", Length=20, Speed=FAST, Model="tale"))
        assert (TALE * 2).find(view[1]["text"] + text) == 0

    visit(app, story)


def test_a_stream_that_nobody_opens_ends(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.routes.streams.UNOPENED_S", 0.3)

    async def story(visitor: Visitor) -> None:
        token = await visitor.send("a", Length=10_000, Speed=60)
        await idle(app)
        assert (await visitor.http.get(visitor.address(token))).status_code == 404

    visit(app, story)


def test_a_settled_view_ends_its_own_reply_and_no_other(app: App) -> None:
    async def story(visitor: Visitor) -> None:
        first = await visitor.send("a", Length=5, Speed=FAST)
        await visitor.reply(first)
        second = await visitor.send("a", Length=10_000, Speed=60)
        assert await visitor.settle(first) == []
        assert app.served("random").engine.running == 1
        assert await visitor.press("Send", Prompt="b") == []
        assert "stopped" in (await visitor.settle(second))[-1]["say"]
        assert app.served("random").engine.running == 0

    visit(app, story)


def test_a_fault_in_the_model_is_said_and_the_next_reply_is_written(app: App) -> None:
    async def story(visitor: Visitor) -> None:
        text, said = await visitor.reply(await visitor.send("", Length=60, Speed=FAST, Model="tale"))
        assert text == TALE[:25]
        assert said[0] == {
            "say": "The model failed: RuntimeError while writing. The text so far stays.",
            "as": "fault",
        }
        app.network("tale").fail_at = None
        assert (await visitor.reply((await visitor.press("Continue", Length=20, Speed=FAST))[-1]["stream"]))[0] == TALE[
            25:45
        ]

    app.network("tale").fail_at = 25
    try:
        visit(app, story)
    finally:
        app.network("tale").fail_at = None


def test_who_waits_is_told_their_place(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.served("random").engine, "max_slots", 1)

    async def story() -> None:
        async with visiting(app) as visitor, AsyncExitStack() as streams:
            one, *others = [visitor() for _ in range(4)]
            reading = asyncio.create_task(one.reply(await one.send("a", Length=10_000, Speed=60)))
            await asyncio.to_thread(eventually, lambda: app.served("random").engine.running == 1)
            said = []
            for other in others:
                told = other.read(await other.send("a", Length=10_000, Speed=60))
                said.append(await streams.enter_async_context(aclosing(told)))
            words = [await anext(line["say"] async for line in told if "say" in line) for told in said]
            assert words == [
                "It starts in a moment …",
                "Busy: 1 person ahead of you …",
                "Busy: 2 people ahead of you …",
            ]
            await one.press("Stop")
            await reading
        await idle(app)

    asyncio.run(story())


async def _stop(app: App, visitor: Visitor, token: str) -> str:
    reading = asyncio.create_task(visitor.reply(token))
    await asyncio.sleep(1)
    await visitor.press("Stop")
    await visitor.press("Stop")
    text, said = await reading
    assert said[-1]["say"].endswith("stopped")
    return text


async def _close_the_tab(app: App, visitor: Visitor, token: str) -> str:
    return await begin_to_read(visitor, token, 40)


async def _drop_the_socket(app: App, visitor: Visitor, token: str) -> str:
    """The connection ends in a reset, in the middle of whatever it was."""
    address = urlsplit(visitor.address(token))
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(f"GET {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode())
    await reader.readuntil(b'"text"')
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    writer.transport.abort()
    return ""


async def _abort(app: App, visitor: Visitor, token: str) -> str:
    reading = asyncio.create_task(visitor.reply(token))
    await asyncio.sleep(1.5)
    engine = app.served("random").engine
    for row in list(engine._running):
        if row.sequence.params.seed in _SEEDS[_abort]:
            engine.abort(row.sequence)
    return (await reading)[0]


async def _meet_a_fault(app: App, visitor: Visitor, token: str) -> str:
    text, said = await visitor.reply(token)
    assert [each["as"] for each in said] == ["fault", "foot"]
    return text


_WAYS = [_stop, _close_the_tab, _drop_the_socket, _abort, _meet_a_fault]
_SEEDS = {way: set(range(2 * at + 1, STREAMS, 2 * len(_WAYS))) for at, way in enumerate(_WAYS)}


def test_streams_that_end_in_any_way_leave_the_others_as_they_are(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    lm, engine = app.served("random").lm, app.served("random").engine
    draw = engine._draw

    def faulty(rows: Any) -> Any:
        if any(row.sequence.params.seed in _SEEDS[_meet_a_fault] and row.sequence.length == 50 for row in rows):
            raise RuntimeError("this row cannot be written")
        return draw(rows)

    monkeypatch.setattr(engine, "_draw", faulty)
    monkeypatch.setattr(
        "ui.routes.streams.UNOPENED_S", 120.0
    )  # so many visitors at once keep a slow machine busy for a while

    async def one(visitor: Visitor, seed: int) -> str:
        way = next((way for way, seeds in _SEEDS.items() if seed in seeds), None)
        token = await visitor.send("ROMEO:", Length=10_000 if way else 150, Speed=60, Seed=seed)
        return await way(app, visitor, token) if way else (await visitor.reply(token))[0]

    async def all_of_them() -> list[str]:
        async with visiting(app) as visitor:
            texts = await asyncio.gather(*[one(visitor(), seed) for seed in range(STREAMS)])
            await idle(app)
            return texts

    texts = asyncio.run(all_of_them())
    assert sum(len(text) == 150 for text in texts[::2]) == STREAMS // 2
    for seed, text in enumerate(texts):
        alone = generate(lm, "ROMEO:", max(len(text), 1), temperature=0.8, seed=seed)
        assert text in (alone, ""), f"the text of seed {seed} is another"
