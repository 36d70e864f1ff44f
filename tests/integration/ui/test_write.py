"""POST /write: replies for a page that stores its conversation itself, also many of them at once."""

import asyncio
from contextlib import AsyncExitStack, aclosing
from typing import Any

import httpx
import pytest

from model import Blend, BlockedWords, ChatFormat, SamplingParams, Sequence, generate
from tests.support.app_server import App, eventually, scripted_model, serving
from tests.support.page_client import LIMITS, TIMEOUT_S, PageClient, RefusedError
from ui.conversation import States
from ui.site_config import SiteConfig

TALE = "Once upon a time there was a small machine that wrote one character after another.\n"
CHAT = ChatFormat("Ann: ", "\nBo: ", "\n")
UP = [[1, 5, 4.0]]
OTHER = {"name": "other", "commit": ""}
pytestmark = pytest.mark.anyio


@pytest.fixture
def page(app: App, http: httpx.AsyncClient) -> PageClient:
    return PageClient(http, app.url)


async def forget(app: App) -> None:
    vars(app.page.replies.states).update(vars(States()))


@pytest.mark.parametrize("forgotten", [False, True])
@pytest.mark.parametrize("prompt", ["ROMEO:", "", "漢", "ROMEO:漢字"])
async def test_a_text_is_continued_bit_for_bit_with_and_without_cached_states(
    app: App, page: PageClient, prompt: str, forgotten: bool
) -> None:
    """Two turns, and cells that are clamped in a part of the first reply and in a part of the second."""
    lm = app.served("random").lm
    start = prompt in ("", "漢")
    parts = [("", 7, 0, []), ("", 7, 20, UP), ("", 7, 40, []), ("\nJULIET:漢", 8, 0, UP)]
    sequence: Sequence | None = None
    expected: list[str] = []
    for more, seed, offset, cells in parts:
        params = SamplingParams(length=30 if more else 20, seed=seed, temperature=0.8)
        memory = sequence.memory if sequence else None
        sequence = app.served("random").engine.add_request(
            more or ("" if sequence else prompt),
            params,
            memory=memory,
            draw_offset=offset,
            clamps=[(int(layer), int(cell), value) for layer, cell, value in cells],
        )
        assert sequence.wait(60)
        expected.append(sequence.text)
    text, clamps = prompt, []
    for (more, seed, offset, cells), right in zip(parts, expected, strict=True):
        boundary, read = len(text), text + more
        if forgotten:
            await forget(app)
        last = _last_known(lm, text)
        if more:
            clamps.append([last, []])
        last = _last_known(lm, read)
        reply = await page.write(
            "random",
            read,
            start=start,
            clamps=clamps,
            length=len(right),
            seed=seed,
            draw_offset=offset,
            cells=cells,
            boundaries=[boundary] if boundary else [],
        )
        assert reply.text == right
        clamps.append([last, cells])
        text = read + reply.text


def _last_known(lm: Any, text: str) -> int:
    known = lm.tokenizer.in_vocab(text).nonzero()[0]
    return int(known[-1]) if len(known) else -1


@pytest.mark.parametrize("forgotten", [False, True])
async def test_a_reply_ends_with_its_connection_and_the_page_requests_the_rest(
    app: App, page: PageClient, forgotten: bool
) -> None:
    """A process that has not seen the beginning, such as another one, continues the same text."""
    engine, clamps = app.served("random").engine, [[1, [[0, 3, -4.0]]], [3, []]]
    request = page.request("random", "ROMEO:", length=1000, speed=100, cells=UP, draw_offset=3, clamps=clamps)
    complete = (await page.read({**request, "speed": None})).text
    received = ""
    async with aclosing(page.events(request)) as events:
        while len(received) < 20:
            received += (await anext(events)).get("text", "")
    await asyncio.to_thread(eventually, lambda: engine.idle)
    if forgotten:
        await forget(app)
    steps = engine.written
    reply = await page.read({**request, "received": received, "speed": None})
    assert received + reply.text == complete
    assert engine.written - steps <= 1000 - len(received)
    again = await page.read({**request, "received": complete})
    assert (again.text, again.ending["end"]) == ("", "length")


async def test_a_request_with_the_same_id_ends_the_reply_whose_connection_is_broken_unnoticed(
    app: App, page: PageClient
) -> None:
    request = page.request("random", "ROMEO:", length=200, speed=20)
    complete = generate(app.served("random").lm, "ROMEO:", 200, temperature=0.8, seed=7)
    async with aclosing(page.events(request)) as events:
        received = (await anext(events))["text"]
        reply = await page.read({**request, "received": received, "speed": None})
        assert received + reply.text == complete
        assert [event async for event in events][-1]["end"] == "abort"


@pytest.mark.parametrize("forgotten", [False, True])
async def test_a_chat_continues_after_its_stop_text(app: App, page: PageClient, forgotten: bool) -> None:
    lm = app.served("chat").lm
    prompt = CHAT.wrap("Hi")
    first = await page.write("chat", prompt, length=5000)
    assert first.ending["end"] == "stop"
    assert "\n" not in first.text
    text = prompt + first.text
    if forgotten:
        await forget(app)
    read = text + CHAT.stop + CHAT.wrap("And?")
    second = await page.write("chat", read, length=40, seed=9, boundaries=[len(text)])
    assert second.text == generate(lm, read, 40, seed=9, temperature=0.8, stop="\n")


@pytest.mark.parametrize("forgotten", [False, True])
async def test_a_blend_is_continued_with_another_share(app: App, page: PageClient, forgotten: bool) -> None:
    blend = Blend(app.served("random").lm.models[0], app.served("other").lm.models[0])
    first = await page.write("random", "ROMEO:", second=OTHER, share=0.25)
    assert first.text == generate(blend, "ROMEO:", 50, temperature=0.8, seed=7, share=0.25)
    if forgotten:
        await forget(app)
    text = "ROMEO:" + first.text
    more = await page.write("random", text, second=OTHER, share=0.75, seed=8, boundaries=[len(text)])
    assert more.text == generate(blend, text, 50, temperature=0.8, seed=8, share=0.75)


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"model": {"name": "none", "commit": ""}}, 404, "Model is 'none'"),
        ({"model": {"name": "random", "commit": "a" * 40}}, 404, "Commit aaaaaaa wrote this"),
        ({"text": 5}, 400, "Text is 5"),
        ({"text": "x" * 100_001}, 413, "Text has 100,001 characters"),
        ({"text": "x" * 600_000}, 413, "The request is too long: at most 524,288 bytes"),
        ({"settings": {"length": 5}}, 400, "Seed is None"),
        ({"settings": {"seed": 1, "length": 10_001}}, 400, "Length is 10001"),
        ({"cells": "up"}, 400, "is 'up': it must be a layer, a cell and a value"),
        ({"cells": [[0, at, 1.0] for at in range(5)]}, 400, "At most 4 cells"),
        ({"clamps": [[0, UP], [0, []]]}, 400, "it must be positions of the text"),
        ({"clamps": [[0, UP]] * 2001}, 400, "a list of at most 2,000 values"),
        ({"speed": 1}, 400, "Speed is 1"),
        ({"id": "x"}, 400, "id is 'x': it must be 8 to 64 hex digits"),
        ({"received": "x" * 51}, 413, "received has 51 characters"),
        ({"boundaries": [7]}, 400, "boundaries is 7"),
        ({"second": OTHER, "cells": UP}, 400, "held while blending"),
        ({"second": OTHER, "clamps": [[0, UP]]}, 400, "held while blending"),
        ({"second": {"name": "random", "commit": ""}}, 400, "different second model"),
    ],
)
async def test_an_invalid_field_is_refused_in_one_line(
    app: App, page: PageClient, fields: dict[str, Any], status: int, words: str
) -> None:
    with pytest.raises(RefusedError) as refused:
        await page.read({**page.request("random", "ROMEO:"), **fields})
    assert refused.value.status == status
    assert words in refused.value.content["refusal"]
    assert refused.value.content.get("gone") == (True if "Commit" in words else None)
    assert app.served("random").engine.idle


async def test_blocked_words_are_neither_written_nor_read(http: httpx.AsyncClient) -> None:
    site = SiteConfig(blocked=BlockedWords(["machine", "x y"]))
    with serving({"tale": scripted_model(TALE)}, site) as app:
        page = PageClient(http, app.url)
        reply = await page.write("tale", "", length=80)
        before = TALE[: TALE.index("machine")]
        assert (reply.text, reply.ending["end"]) == (before, "blocked")
        for _ in range(2):
            # The blocked word is next, so the reply cannot continue, whatever part of it was received.
            for received in (before[:10], before[:-1], before):
                more = await page.write("tale", "", length=80, received=received)
                assert (received + more.text, more.ending["end"]) == (before, "blocked")
            await forget(app)
        part = "e" + before + "mac"
        assert (await page.write("tale", part, length=20)).text == ""
        for text, known in (("a machine", []), (part + "hine", [len(part)]), ("a machine on", [12])):
            with pytest.raises(RefusedError, match="contains a blocked word"):
                await page.write("tale", text, boundaries=known)


async def test_a_waiting_request_gets_its_queue_position(
    app: App, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.served("tale").engine, "max_slots", 1)
    monkeypatch.setattr(app.network("tale"), "delay_s", 0.02)
    async with AsyncExitStack() as streams:
        page = PageClient(http, app.url)
        one, *others = [PageClient(http, app.url).request("tale", "a", length=10_000) for _ in range(4)]
        reading = asyncio.create_task(page.read(one))
        await asyncio.to_thread(eventually, lambda: app.served("tale").engine.running == 1)
        texts = []
        for other in others:
            events = await streams.enter_async_context(aclosing(page.events(other)))
            texts.append(await anext(event["status"] async for event in events if "status" in event))
        assert texts == ["It starts in a moment …", "Busy: 1 person ahead of you …", "Busy: 2 people ahead of you …"]
        for each in (*reversed(others), one):
            assert await page.stop(each)
        assert (await reading).ending["end"] == "abort"
        assert not await page.stop(one)
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
        for each in list(app.page.replies._replies.values()):
            each.stop()
        await asyncio.gather(*tasks)
