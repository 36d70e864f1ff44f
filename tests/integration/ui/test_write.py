"""Replies for a page that keeps its conversation, over HTTP as the page asks for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import httpx
import pytest

from model import Blend, BlockedWords, ChatFormat, generate
from tests.support.app_server import App, eventually, random_model, scripted_model, serving
from tests.support.page_client import LIMITS, TIMEOUT_S
from tests.support.write_client import PageClient, RefusedError
from ui.access.limits import Limits
from ui.registry.registry import ModelRegistry
from ui.site_config import SiteConfig

TALE = "Once upon a time there was a small machine that wrote one character after another.\n"
CHAT = ChatFormat("Ann: ", "\nBo: ", "\n")
UP = [[1, 5, 4.0]]
Story = Callable[[PageClient], Coroutine[Any, Any, Any]]


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    models = {"random": random_model(), "other": random_model(1), "tale": scripted_model(TALE)}
    with serving({**models, "chat": replace(random_model(), chat=CHAT)}) as app:
        yield app


def visit(app: App, story: Story) -> Any:
    """What the story of one page gives."""

    async def whole() -> Any:
        async with httpx.AsyncClient(timeout=TIMEOUT_S, limits=LIMITS) as http:
            return await story(PageClient(http, app.url))

    return asyncio.run(whole())


async def forget(app: App) -> None:
    """Empty the cache, as in another process."""
    assert app.page
    app.page.write.states._memories.clear()


async def idle(app: App, name: str = "random") -> None:
    await asyncio.to_thread(eventually, lambda: app.served(name).engine.idle)


def test_a_reply_is_that_of_generate_and_so_is_its_continuation(app: App) -> None:
    async def story(page: PageClient) -> None:
        whole = generate(app.served("random").lm, "ROMEO:", 350, temperature=0.8, seed=7)
        first = await page.write("random", "ROMEO:", length=300)
        assert first.text == whole[:300]
        assert first.ending == {"id": 300, "end": "length", "error": None, "rate": first.ending["rate"]}
        assert first.ending["rate"] > 0
        text = "ROMEO:" + first.text
        second = await page.write("random", text, length=50, draw_offset=300, boundaries=[len(text)])
        assert first.text + second.text == whole

    visit(app, story)


@pytest.mark.parametrize("cold", [False, True])
@pytest.mark.parametrize("prompt", ["ROMEO:", "", "漢", "ROMEO:漢字"])
def test_a_text_is_read_on_bit_for_bit_by_a_process_that_knows_it_and_by_one_that_does_not(
    app: App, prompt: str, cold: bool
) -> None:
    """Two turns, and cells that are clamped in a part of the first reply and in a part of the second."""

    async def story(page: PageClient) -> None:
        lm = app.served("random").lm
        start = prompt in ("", "漢")
        sequence = app.served("random").engine.add_request(prompt, _params(20))
        expected = [_waited(sequence)]
        sequence = _more(app, sequence, "", _params(20), 20, UP)
        expected.append(_waited(sequence))
        sequence = _more(app, sequence, "", _params(20), 40, [])
        expected.append(_waited(sequence))
        sequence = _more(app, sequence, "\nJULIET:漢", _params(30, seed=8), 0, UP)
        expected.append(_waited(sequence))

        text, clamps = prompt, []
        pieces = [("", 7, 0, []), ("", 7, 20, UP), ("", 7, 40, []), ("\nJULIET:漢", 8, 0, UP)]
        for (more, seed, offset, cells), right in zip(pieces, expected, strict=True):
            boundary, read = len(text), text + more
            if cold:
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

    visit(app, story)


def _params(length: int, seed: int = 7, **settings: Any) -> Any:
    from model import SamplingParams

    return SamplingParams(length=length, seed=seed, temperature=0.8, **settings)


def _waited(sequence: Any) -> str:
    assert sequence.wait(60)
    return str(sequence.text)


def _more(app: App, sequence: Any, prompt: str, params: Any, offset: int, cells: Any) -> Any:
    engine = app.served("random").engine
    return engine.add_request(prompt, params, memory=sequence.memory, draw_offset=offset, clamps=cells)


def _last_known(lm: Any, text: str) -> int:
    known = lm.tokenizer.in_vocab(text).nonzero()[0]
    return int(known[-1]) if len(known) else -1


def test_a_reader_that_comes_back_is_given_the_rest_of_the_same_reply(app: App) -> None:
    async def story(page: PageClient) -> None:
        request = page.request("random", "ROMEO:", length=200, speed=190)
        received = await _begin(page, request, 20)
        steps = app.served("random").engine.written
        reply = await page.read({**request, "received": received})
        whole = generate(app.served("random").lm, "ROMEO:", 200, temperature=0.8, seed=7)
        assert received + reply.text == whole
        assert app.served("random").engine.written - steps <= 200 - len(received)

    visit(app, story)


def test_a_new_reader_replaces_the_old_one(app: App) -> None:
    async def story(page: PageClient) -> None:
        request = page.request("tale", "", length=80, speed=60)
        async with aclosing(page.events(request)) as first:
            text = ""
            while len(text) < 5:
                text += (await anext(first)).get("text", "")
            second = await page.read({**request, "received": text})
            assert text + second.text == TALE[:80]
            assert all("end" not in event for event in [event async for event in first])

    visit(app, story)


def test_a_reply_without_a_reader_ends_and_is_written_on_when_the_reader_comes_back(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.routes.running_replies.RETURN_S", 0.3)

    async def story(page: PageClient) -> None:
        request = page.request("random", "ROMEO:", length=1000, speed=100)
        received = await _begin(page, request, 20)
        await idle(app)
        reply = await page.read({**request, "received": received, "speed": None})
        whole = generate(app.served("random").lm, "ROMEO:", 1000, temperature=0.8, seed=7)
        assert received + reply.text == whole
        again = await page.read({**request, "received": whole})
        assert (again.text, again.ending["end"]) == ("", "length")

    visit(app, story)


@pytest.mark.parametrize("cells", [[], UP])
def test_another_process_writes_the_rest_of_a_reply(app: App, cells: list[list[float]]) -> None:
    async def story(page: PageClient) -> None:
        given: dict[str, Any] = {
            "length": 120,
            "cells": cells,
            "draw_offset": 3,
            "clamps": [[1, [[0, 3, -4.0]]], [3, []]],
        }
        request = page.request("random", "ROMEO:", **given)
        whole = (await page.read(request)).text
        assert len(whole) == 120
        with serving({"random": random_model()}) as other:
            for received in (whole[:1], whole[:77], whole[:-1]):
                rest = await PageClient(page.http, other.url).read({**request, "received": received})
                assert received + rest.text == whole
                assert other.page
                other.page.write.states._memories.clear()

    visit(app, story)


def test_a_text_is_read_once_however_often_its_reply_is_written_again(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(page: PageClient) -> None:
        text = "To be, or not to be, that is the question: " * 20
        first = await page.write("random", text, seed=1)
        monkeypatch.setattr(app.served("random").engine._backend, "prefill", lambda *_: pytest.fail("read again"))
        second = await page.write("random", text, seed=2)
        assert first.text != second.text == generate(app.served("random").lm, text, 50, seed=2)

    visit(app, story)


async def _begin(page: PageClient, request: dict[str, Any], length: int) -> str:
    """The beginning of a reply; then the reader leaves."""
    text = ""
    async with aclosing(page.events(request)) as events:
        while len(text) < length:
            text += (await anext(events)).get("text", "")
    return text


def test_stop_ends_a_reply_and_its_reader_gets_the_end(app: App) -> None:
    async def story(page: PageClient) -> None:
        request = page.request("tale", "", length=10_000, speed=60)
        reading = asyncio.create_task(page.read(request))
        await asyncio.sleep(0.5)
        assert await _stop(page, request) == {"stopped": True}
        reply = await reading
        assert reply.ending["end"] == "abort"
        assert (TALE * 200).startswith(reply.text)
        assert await _stop(page, request) == {"stopped": False}
        assert (await page.http.post(f"{page.url}write/stop", json={"id": 7})).status_code == 400

    visit(app, story)


async def _stop(page: PageClient, request: dict[str, Any]) -> Any:
    return (await page.http.post(f"{page.url}write/stop", json={"id": request["id"]})).json()


def test_a_page_that_asks_for_another_reply_ends_the_one_that_it_has_left(app: App) -> None:
    async def story(page: PageClient) -> None:
        await _begin(page, page.request("random", "", length=10_000, speed=60), 5)
        other = PageClient(page.http, page.url)
        await _begin(other, other.request("random", "", length=10_000, speed=60), 5)
        assert app.served("random").engine.running == 2
        await page.write("random", "a", length=5)
        await asyncio.to_thread(eventually, lambda: app.served("random").engine.running == 1)
        await other.write("random", "a", length=5)
        await idle(app)

    visit(app, story)


@pytest.mark.parametrize("cold", [False, True])
def test_a_chat_goes_on_after_its_stop_text(app: App, cold: bool) -> None:
    async def story(page: PageClient) -> None:
        lm = app.served("chat").lm
        prompt = CHAT.wrap("Hi")
        first = await page.write("chat", prompt, length=5000)
        assert first.ending["end"] == "stop"
        assert "\n" not in first.text
        text = prompt + first.text
        boundaries = [len(text)]
        if cold:
            await forget(app)
        read = text + CHAT.stop + CHAT.wrap("And?")
        before = app.served("chat").engine
        second = await page.write("chat", read, length=40, seed=9, boundaries=boundaries)
        assert second.text == generate(lm, read, 40, seed=9, temperature=0.8, stop="\n")
        assert before.idle

    visit(app, story)


@pytest.mark.parametrize("cold", [False, True])
def test_a_blend_is_continued_with_another_share(app: App, cold: bool) -> None:
    async def story(page: PageClient) -> None:
        blend = Blend(app.served("random").lm.models[0], app.served("other").lm.models[0])
        second = {"name": "other", "commit": ""}
        first = await page.write("random", "ROMEO:", second=second, share=0.25)
        assert first.text == generate(blend, "ROMEO:", 50, temperature=0.8, seed=7, share=0.25)
        if cold:
            await forget(app)
        text = "ROMEO:" + first.text
        more = await page.write("random", text, second=second, share=0.75, seed=8, boundaries=[len(text)])
        assert more.text == generate(blend, text, 50, temperature=0.8, seed=8, share=0.75)
        with pytest.raises(RefusedError, match="held while blending"):
            await page.write("random", text, second=second, cells=UP)
        with pytest.raises(RefusedError, match="held while blending"):
            await page.write("random", text, second=second, clamps=[[0, UP]])
        with pytest.raises(RefusedError, match="different second model"):
            await page.write("random", text, second={"name": "random", "commit": ""})

    visit(app, story)


def test_twenty_replies_at_once_are_each_the_text_of_its_seed(app: App) -> None:
    async def story(page: PageClient) -> None:
        pages = [PageClient(page.http, page.url) for _ in range(20)]
        replies = await asyncio.gather(
            *[each.write("random", "ROMEO:", length=100, seed=seed) for seed, each in enumerate(pages)]
        )
        lm = app.served("random").lm
        assert [each.text for each in replies] == [generate(lm, "ROMEO:", 100, seed=seed) for seed in range(20)]

    visit(app, story)


def test_a_page_has_four_replies_at_once_and_is_told_its_place(app: App) -> None:
    async def story(page: PageClient) -> None:
        requests = [page.request("random", "", length=10_000, speed=5) for _ in range(5)]
        readers = [asyncio.create_task(page.read(each)) for each in requests[:4]]
        await asyncio.to_thread(eventually, lambda: app.served("random").engine.running == 4)
        async with aclosing(page.events(requests[4])) as events:
            assert await anext(event["status"] async for event in events if "status" in event)
        activity = [event["activity"] for task in readers if task.done() for event in task.result().others]
        for request in requests:
            await _stop(page, request)
        for each in await asyncio.gather(*readers):
            activity += [event["activity"] for event in each.others if "activity" in event]
        assert any("4 writing" in each for each in activity)
        await idle(app)

    visit(app, story)


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        ({"model": {"name": "none", "commit": ""}}, 404, "Model is 'none'"),
        ({"model": {"name": "random", "commit": "a" * 40}}, 404, "Commit aaaaaaa wrote this"),
        ({"second": {"name": "none", "commit": ""}}, 404, "is 'none'"),
        ({"model": "random"}, 400, "model must be an object"),
        ({"model": {"name": 5, "commit": ""}}, 400, "the name of model"),
        ({"text": 5}, 400, "Text is 5"),
        ({"text": "x" * 100_001}, 413, "Text has 100,001 characters"),
        ({"text": "x" * 600_000}, 413, "The request is too long: at most 524,288 bytes"),
        ({"start": 1}, 400, "start must be"),
        ({"settings": None}, 400, "settings must be an object"),
        ({"settings": {"speed": 5, "seed": 1}}, 400, "settings must be an object"),
        ({"settings": {"length": 5}}, 400, "Seed is None"),
        ({"settings": {"seed": 1, "length": 10_001}}, 400, "Length is 10001"),
        ({"settings": {"seed": 1, "temperature": "hot"}}, 400, "Temperature is 'hot'"),
        ({"draw_offset": -1}, 400, "draw_offset is -1"),
        ({"draw_offset": True}, 400, "draw_offset is True"),
        ({"cells": "up"}, 400, "the clamped cells are 'up'"),
        ({"cells": [[0, at, 1.0] for at in range(5)]}, 400, "At most 4 cells"),
        ({"cells": [[9, 0, 1.0]]}, 400, "a clamp names layer 9"),
        ({"clamps": {}}, 400, "clamps must be a list"),
        ({"clamps": [[0, UP], [0, []]]}, 400, "clamps must be positions"),
        ({"clamps": [[-2, UP]]}, 400, "clamps must be positions"),
        ({"clamps": [[6, UP]]}, 400, "clamps must be positions"),
        ({"clamps": [[0]]}, 400, "clamps must be positions"),
        ({"clamps": [[0, [[0, 99, 1]]]]}, 400, "a clamp names cell 99"),
        ({"clamps": [[0, UP]] * 2001}, 400, "at most 2000 stretches"),
        ({"speed": 1}, 400, "Speed is 1"),
        ({"speed": "fast"}, 400, "Speed is 'fast'"),
        ({"id": "x"}, 400, "id must be 8 to 64 hex digits"),
        ({"client": None}, 400, "client must be 8 to 64 hex digits"),
        ({"received": 5}, 400, "received is 5"),
        ({"received": "x" * 51}, 413, "received has 51 characters"),
        ({"boundaries": [7]}, 400, "boundaries is 7"),
        ({"boundaries": [0] * 17}, 400, "boundaries must be a list"),
    ],
)
def test_what_cannot_be_written_is_refused_in_a_line(app: App, given: dict[str, Any], status: int, words: str) -> None:
    async def story(page: PageClient) -> None:
        with pytest.raises(RefusedError) as refused:
            await page.read({**page.request("random", "ROMEO:"), **given})
        assert refused.value.status == status
        assert words in refused.value.content["refusal"]
        assert refused.value.content.get("gone") == (True if "Commit" in words else None)
        assert app.served("random").engine.idle

    visit(app, story)


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b"[" * 100_000, b'"x"', b"{}"])
def test_a_request_that_is_none_is_refused(app: App, body: bytes) -> None:
    answer = httpx.post(f"{app.url}write", content=body)
    assert (answer.status_code, list(answer.json())) == (400, ["refusal"])
    assert httpx.get(f"{app.url}write").status_code == 405


def test_a_full_queue_is_said(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.served("random").engine, "max_waiting", 0)
    monkeypatch.setattr(app.served("random").engine, "max_slots", 0)

    async def story(page: PageClient) -> None:
        with pytest.raises(RefusedError, match="queue is full") as refused:
            await page.write("random", "a")
        assert refused.value.status == 503

    visit(app, story)


def test_a_public_address_has_a_share_of_the_server(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    assert app.page
    monkeypatch.setattr(app.page.limiter, "limits", Limits(replies_at_once=2))

    async def story(page: PageClient) -> None:
        pages = [PageClient(page.http, page.url) for _ in range(4)]
        requests = [each.request("random", "", length=10_000, speed=5) for each in pages]
        page.http.headers["x-forwarded-for"] = "8.8.4.4, 8.8.8.8"
        tasks = [asyncio.create_task(one.read(each)) for one, each in zip(pages[:2], requests[:2], strict=True)]
        await asyncio.to_thread(eventually, lambda: app.served("random").engine.running == 2)
        with pytest.raises(RefusedError) as refused:
            await pages[2].read(requests[2])
        assert refused.value.status == 429
        page.http.headers["x-forwarded-for"] = "8.8.8.8, 8.8.4.4"
        await pages[3].write("random", "a", length=5)
        for one, each in zip(pages, requests, strict=True):
            await _stop(one, each)
        await asyncio.gather(*tasks)

    visit(app, story)


def test_a_fault_of_the_model_ends_the_reply_with_a_message(app: App) -> None:
    app.network("tale").fail_at = 25
    try:

        async def story(page: PageClient) -> None:
            reply = await page.write("tale", "", length=60)
            assert reply.text == TALE[:25]
            assert reply.ending["end"] == "error"
            assert "The model failed: RuntimeError while writing" in reply.ending["error"]

        visit(app, story)
    finally:
        app.network("tale").fail_at = None


@pytest.mark.parametrize("cold", [False, True])
def test_no_blocked_word_is_written_and_none_is_read(cold: bool) -> None:
    registry = ModelRegistry(site=SiteConfig(blocked=BlockedWords(["machine", "x y"])))
    registry.add("tale", scripted_model(TALE))
    registry.start()
    with serving(registry) as app:

        async def story(page: PageClient) -> None:
            reply = await page.write("tale", "", length=80)
            before = TALE[: TALE.index("machine")]
            assert (reply.text, reply.ending["end"]) == (before, "blocked")
            if cold:
                await forget(app)
            # It cannot continue: the word is next. A part of what was received brings the same end.
            for received in (before[:10], before[:-1], before):
                more = await page.write("tale", "", length=80, received=received)
                assert (received + more.text, more.ending["end"]) == (before, "blocked")
            with pytest.raises(RefusedError, match="contains a blocked word"):
                await page.write("tale", "a machine")
            with pytest.raises(RefusedError, match="contains a blocked word"):
                await page.write("tale", before + "machine", start=True, boundaries=[len(before)])
            with pytest.raises(RefusedError, match="contains a blocked word"):
                await page.write("tale", "a machine on", boundaries=[12])

        visit(app, story)
