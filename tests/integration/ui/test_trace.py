"""What the lenses show of a text that the page keeps, over HTTP as the page asks."""

from __future__ import annotations

import asyncio
import base64
import uuid
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import numpy as np
import pytest

from model import Blend, Cell, TextTrace, generate
from model.clamps import Clamp
from tests.support.app_server import App, random_model, serving
from tests.support.english import english
from tests.support.page_client import LIMITS, TIMEOUT_S

NAMED = Cell(1, 5, "place in the line", "r", -0.93, 0.1, 0.4)
PROMPT = "ROMEO:"
SETTINGS = {"length": 200, "temperature": 0.8, "seed": 7}


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    with serving({"random": replace(random_model(), cells=(NAMED,)), "other": random_model(1)}) as app:
        yield app


@dataclass
class Lens:
    """One text of a page, with a lens on it."""

    http: httpx.AsyncClient
    url: str
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    server: str = ""
    sent: str = ""

    async def post(self, **query: Any) -> dict[str, Any]:
        answer = await self.http.post(f"{self.url}trace", json=query)
        assert answer.status_code in (200, 413, 429, 503)
        content: dict[str, Any] = answer.json()
        return {**content, "refusal": english(content["refusal"])} if "refusal" in content else content

    def query(self, text: str, **query: Any) -> dict[str, Any]:
        """A request about a text, of which the server has what was sent before."""
        at = next((at for at, pair in enumerate(zip(self.sent, text, strict=False)) if pair[0] != pair[1]), None)
        at = min(len(self.sent), len(text)) if at is None else at
        return {
            "trace": self.id,
            "server": self.server,
            "tail": {"at": at, "text": text[at:]},
            "length": len(text),
            "model": {"name": "random", "commit": ""},
            "second": None,
            "start": False,
            "share": None,
            "clamps": [],
            **query,
        }

    async def ask(self, text: str, **query: Any) -> dict[str, Any]:
        answer = await self.post(**self.query(text, **query))
        self.server = answer.pop("server")
        if "refusal" not in answer and "unknown" not in answer:
            self.sent = text
        return answer

    async def all_of(self, name: str, text: str, first: int = 0, **query: Any) -> list[Any]:
        """What is shown of each character from one on, in as many answers as it takes."""
        found: list[Any] = []
        while True:
            answer = await self.ask(text, **{"from": first + len(found)}, **query)
            found += answer[name]
            if not answer["more"]:
                return found


def visit(app: App, story: Callable[[Lens], Coroutine[Any, Any, Any]]) -> Any:
    async def whole() -> Any:
        async with httpx.AsyncClient(timeout=TIMEOUT_S, limits=LIMITS) as http:
            return await story(Lens(http, app.url))

    return asyncio.run(whole())


def reply(app: App, **settings: Any) -> str:
    return PROMPT + generate(app.served("random").lm, PROMPT, 200, temperature=0.8, seed=7, **settings)


def traced(lm: Any, text: str, clamps: Any = (), *, skip_start: bool = True) -> TextTrace:
    trace = TextTrace(lm, skip_start=skip_start)
    trace.set_text(text, clamps)
    return trace


def bits_of(trace: TextTrace) -> list[float | None]:
    return [None if token.logits is None else round(token.bits, 3) for token in trace.tokens()]


def test_bits_are_those_of_the_text_and_only_what_has_changed_is_sent(app: App) -> None:
    async def story(lens: Lens) -> None:
        text, lm = reply(app), app.served("random").lm
        assert await lens.all_of("bits", text[:100]) == bits_of(traced(lm, text[:100]))
        assert lens.query(text)["tail"] == {"at": 100, "text": text[100:]}
        assert await lens.all_of("bits", text, 90) == bits_of(traced(lm, text))[90:]
        other = text[:50] + "X" + text[51:80]
        assert await lens.all_of("bits", other) == bits_of(traced(lm, other))
        assert await lens.all_of("bits", other, start=True) == bits_of(traced(lm, other, skip_start=False))
        assert await lens.all_of("bits", other, model={"name": "other", "commit": ""}) == bits_of(
            traced(app.served("other").lm, other)
        )
        assert await lens.all_of("bits", "漢ab") == [-1, *bits_of(traced(lm, "ab"))]
        assert await lens.ask("", **{"from": 0}) == {"bits": [], "more": False}

    visit(app, story)


def test_a_server_without_the_beginning_of_the_text_says_so(app: App) -> None:
    async def story(lens: Lens) -> None:
        await lens.ask("ROMEO:", **{"from": 0})
        query = lens.query("ROMEO: but", **{"from": 0})
        for wrong in (
            {"server": ""},
            {"server": "another"},
            {"trace": uuid.uuid4().hex},
            {"tail": {"at": 7, "text": "but"}},
        ):
            answer = await lens.post(**{**query, **wrong})
            assert answer == {"server": lens.server, "unknown": True}
        assert len((await lens.post(**query))["bits"]) == 10
        whole = {**query, "server": "another", "tail": {"at": 0, "text": "ROMEO: but"}}
        assert len((await lens.post(**whole))["bits"]) == 10

    visit(app, story)


def test_the_text_of_a_commit_that_is_unloaded_is_forgotten(app: App) -> None:
    async def story(lens: Lens) -> None:
        await lens.ask("ROMEO:", **{"from": 0})
        assert app.page
        app.page.traces._forget(app.served("random"))
        assert await lens.ask("ROMEO: but", **{"from": 0}) == {"unknown": True}

    visit(app, story)


def test_clamped_cells_are_those_of_each_stretch(app: App) -> None:
    async def story(lens: Lens) -> None:
        lm = app.served("random").lm
        clamps = [(1, 5, -4.0)]
        text = reply(app, clamps=clamps)
        stretches = [[5, [[1, 5, -4.0]]], [100, []]]
        expected = traced(lm, text, [(5, (Clamp(1, 5, -4.0),)), (100, ())])
        assert await lens.all_of("bits", text, clamps=stretches) == bits_of(expected)
        held = await lens.ask(text, at=50, cell=[1, 5], clamps=stretches)
        assert (held["held"], held["cell"]) == (True, [-4.0, -4.0])
        assert not (await lens.ask(text, at=150, cell=[1, 5], clamps=stretches))["held"]
        # The last character is read by the reply that follows: it may be clamped already.
        assert (await lens.ask(text[:6], at=5, cell=[1, 5], clamps=stretches[:1]))["held"]

    visit(app, story)


def test_cells_come_with_the_text_and_as_a_picture(app: App) -> None:
    async def story(lens: Lens) -> None:
        text, lm = reply(app), app.served("random").lm
        cells = np.rint(127 * np.tanh([token.cells for token in traced(lm, text).tokens()])).astype(int)
        assert await lens.all_of("values", text, 100, cell=[1, 5]) == cells[100:, 1, 5].tolist()
        answer = await lens.ask(text, **{"from": 190}, layer=0)
        drawn = np.frombuffer(base64.b64decode(answer["columns"]), np.int8).reshape(-1, lm.config.hidden_size)
        assert drawn.tolist() == cells[190 : 190 + len(drawn), 0].tolist()
        assert await lens.all_of("values", text, 200, cell=[7, 5], layer=7) == [None] * 6

    visit(app, story)


def test_one_character_has_all_that_could_have_stood_there_and_how_it_was_computed(app: App) -> None:
    async def story(lens: Lens) -> None:
        text, lm = reply(app), app.served("random").lm
        step = {"settings": SETTINGS, "draw": 94, "picked": False}
        answer = await lens.ask(text, at=100, cell=[1, 5], step=step)
        assert len(answer["top"]) + len(answer["rest"]) == len(lm.tokenizer)
        i, f, g, _ = answer["gates"]
        assert f * answer["cell"][0] + i * g == pytest.approx(answer["cell"][1], abs=0.01)
        shown = answer["step"]
        assert (shown["read"], shown["temperature"], shown["draw"]["number"]) == (text[99], 0.8, 94)
        low, high = next((low, high) for each, low, high in shown["strip"] if each == text[100])
        assert low - 1e-5 <= shown["draw"]["value"] <= high + 1e-5
        given = (await lens.ask(text, at=3, step={"settings": None, "draw": None, "picked": False}))["step"]
        assert (given["draw"], given["temperature"]) == (None, 1.0)
        assert (await lens.ask(text, at=100, step={**step, "draw": None, "picked": True}))["step"]["picked"]
        assert (await lens.ask(text, at=0))["top"] == []
        for wrong in ({"step": 5}, {"step": {"settings": 5}}, {"step": {"draw": -1}}, {"step": {"picked": 1}}):
            assert "malformed" in (await lens.ask(text, at=3, **wrong))["refusal"]

    visit(app, story)


def test_a_blend_is_read_with_its_share(app: App) -> None:
    async def story(lens: Lens) -> None:
        first, other = (app.served(name).lm.models[0] for name in ("random", "other"))
        second = {"name": "other", "commit": ""}
        for share in (0.25, 0.75, None):
            blend = Blend(first, other) if share is None else Blend(first, other, share)
            bits = await lens.all_of("bits", "ROMEO: but", second=second, share=share)
            assert bits == bits_of(traced(blend, "ROMEO: but"))
        assert (await lens.ask("ROMEO: but", at=5, second=second, step={"settings": SETTINGS, "draw": 0}))["step"] == {
            "mixed": True
        }
        refused = await lens.ask("ROMEO: but", at=5, second=second, share=2)
        assert "Blend is 2" in refused["refusal"]

    visit(app, story)


def test_a_position_far_on_is_reached_while_others_are_answered(app: App) -> None:
    async def story(lens: Lens) -> None:
        text = "To be, or not to be. " * 2000
        other = Lens(lens.http, lens.url)
        far = asyncio.create_task(lens.ask(text, at=len(text) - 1))
        answers = 0
        while not far.done():
            assert (await other.ask("ROMEO:", **{"from": 0}))["bits"]
            answers += 1
        assert answers > 3
        assert (await far)["top"]

    visit(app, story)


def test_more_requests_than_wait_are_refused(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    assert app.page
    monkeypatch.setattr(app.page.traces.workers, "_max_waiting", 0)

    async def story(lens: Lens) -> None:
        assert "queue is full" in (await lens.ask("ROMEO:", **{"from": 0}))["refusal"]

    visit(app, story)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"trace": "x"}, "trace must be 8 to 64 hex digits"),
        ({"from": -1}, "from must be a whole number"),
        ({"from": True}, "from must be a whole number"),
        ({"at": 10**9}, "no such character"),
        ({"at": "0"}, "at must be a whole number"),
        ({"tail": "x"}, "tail must be an object"),
        ({"tail": {"at": 0, "text": 5}}, "Text is 5"),
        ({"tail": {"at": -1, "text": "x"}}, "at must be a whole number"),
        ({"tail": {"at": 0, "text": "x" * 110_001}}, "Text has 110,001 characters"),
        ({"tail": {"at": 0, "text": "x" * 600_000}}, "The request is too long: at most 524,288 bytes"),
        ({"length": 7}, "length must be that of the whole text"),
        ({"cell": [0, -1]}, "cell must be a layer and a number"),
        ({"cell": "0"}, "cell must be a layer and a number"),
        ({"layer": None}, "layer must be a whole number"),
        ({"model": {"name": "none", "commit": ""}}, "Model is 'none'"),
        ({"model": {"name": "random", "commit": "a" * 40}}, "Commit aaaaaaa wrote this"),
        ({"clamps": [[6, []]]}, "clamps must be positions"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_a_line(app: App, wrong: dict[str, Any], words: str) -> None:
    async def story(lens: Lens) -> None:
        answer = await lens.post(**{**lens.query("ROMEO:", **{"from": 0}), **wrong})
        assert words in answer["refusal"]
        assert answer.get("gone") == (True if "Commit" in words else None)

    visit(app, story)


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b"[" * 100_000, b'"x"', b"{}"])
def test_a_request_that_is_none_is_refused(app: App, body: bytes) -> None:
    assert "refusal" in httpx.post(f"{app.url}trace", content=body).json()
    assert httpx.get(f"{app.url}trace").status_code == 405
