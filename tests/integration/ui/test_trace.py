"""POST /trace: the data that the lenses show about a text that the page stores itself."""

import asyncio
import base64
import itertools
import uuid
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import numpy as np
import pytest

from model import Blend, BlockedWords, Cell, TextTrace, generate
from model.attribution import occlusion_in_slices
from model.clamps import Clamp
from model.named_cells import Sample
from model.scoring import result_of
from tests.support.app_server import App, eventually
from tests.support.page_client import PageClient, english
from tests.support.request_bodies import TRACE
from ui.routes import lenses as trace_route

NAMED = Cell(1, 5, "place in the line", "r", -0.93, 0.1, 0.4)
PROMPT = "ROMEO:"
pytestmark = pytest.mark.anyio
SETTINGS = {"length": 200, "temperature": 0.8, "seed": 7}


@dataclass
class Lens:
    """A client with one text, of which it requests traces as a lens does."""

    http: httpx.AsyncClient
    url: str
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    server: str = ""

    async def post(self, **query: Any) -> dict[str, Any]:
        answer = await self.http.post(f"{self.url}trace", json=query)
        content: dict[str, Any] = answer.json()
        assert answer.status_code in (200, 413, 429, 503)
        return {**content, "refusal": english(content["refusal"])} if "refusal" in content else content

    def query(self, text: str, known: int = 0, **query: Any) -> dict[str, Any]:
        """Return a request about a text, of which the server has the first `known` characters already."""
        tail = {"at": known, "text": text[known:]}
        return {**TRACE, "trace": self.id, "server": self.server, "tail": tail, "length": len(text), **query}

    async def ask(self, text: str, **query: Any) -> dict[str, Any]:
        answer = await self.post(**self.query(text, **query))
        self.server = answer.pop("server")
        return answer

    async def all_of(self, name: str, text: str, first: int = 0, **query: Any) -> list[Any]:
        """Return a field for each character from position `first`; one answer may cover only some of them."""
        values: list[Any] = []
        while True:
            answer = await self.ask(text, **{"from": first + len(values)}, **query)
            values += answer[name]
            if not answer["more"]:
                return values


@pytest.fixture
def lens(app: App, http: httpx.AsyncClient) -> Lens:
    return Lens(http, app.url)


def reply(app: App, **settings: Any) -> str:
    return PROMPT + generate(app.served("random").lm, PROMPT, 200, temperature=0.8, seed=7, **settings)


def traced(lm: Any, text: str, clamps: Any = (), *, skip_start: bool = True) -> TextTrace:
    trace = TextTrace(lm, skip_start=skip_start)
    trace.set_text(text, clamps)
    return trace


def bits_of(trace: TextTrace) -> list[float | None]:
    return [None if token.logits is None else round(token.bits, 3) for token in trace.tokens()]


async def test_bits_equal_those_of_a_trace_also_when_only_changed_text_is_sent(app: App, lens: Lens) -> None:
    text, lm = reply(app), app.served("random").lm
    assert await lens.all_of("bits", text[:100]) == bits_of(traced(lm, text[:100]))
    assert await lens.all_of("bits", text, 90, known=100) == bits_of(traced(lm, text))[90:]
    other = text[:50] + "X" + text[51:80]
    assert await lens.all_of("bits", other, known=50) == bits_of(traced(lm, other))
    assert await lens.all_of("bits", other, start=True) == bits_of(traced(lm, other, skip_start=False))
    of_other = await lens.all_of("bits", other, model={"name": "other", "commit": ""})
    assert of_other == bits_of(traced(app.served("other").lm, other))
    assert await lens.all_of("bits", "漢ab") == [-1, *bits_of(traced(lm, "ab"))]
    assert await lens.ask("", **{"from": 0}) == {"bits": [], "more": False}


async def test_a_reply_brings_the_bits_of_its_characters(app: App, http: httpx.AsyncClient) -> None:
    page, bits = PageClient(http, app.url), []
    async for each in page.events(page.request("random", PROMPT, length=200)):
        bits += each.get("bits", [])
    assert bits == pytest.approx(bits_of(traced(app.served("random").lm, reply(app)))[len(PROMPT) :], abs=0.01)


async def test_a_server_that_lacks_the_beginning_of_the_text_asks_for_it(app: App, lens: Lens) -> None:
    await lens.ask("ROMEO:", **{"from": 0})
    query = lens.query("ROMEO: but", known=6, **{"from": 0})
    for wrong in ({"server": ""}, {"server": "another"}, {"trace": "0" * 32}, {"tail": {"at": 7, "text": "but"}}):
        answer = await lens.post(**{**query, **wrong})
        assert answer == {"server": lens.server, "unknown": True}
    assert len((await lens.post(**query))["bits"]) == 10
    complete = {**query, "server": "another", "tail": {"at": 0, "text": "ROMEO: but"}}
    assert len((await lens.post(**complete))["bits"]) == 10


async def test_each_stretch_is_read_with_its_clamps(app: App, lens: Lens) -> None:
    lm = app.served("random").lm
    clamps = [(1, 5, -4.0)]
    text = reply(app, clamps=clamps)
    stretches = [[5, [[1, 5, -4.0]]], [100, []]]
    expected = traced(lm, text, [(5, (Clamp(1, 5, -4.0),)), (100, ())])
    assert await lens.all_of("bits", text, clamps=stretches) == bits_of(expected)
    # The last character is read by the reply that follows: it may be clamped already.
    for shown, at, held in ((text, 50, True), (text, 150, False), (text[:6], 5, True)):
        given = stretches if len(shown) > 100 else stretches[:1]
        assert (await lens.ask(shown, at=at, cell=[1, 5], clamps=given))["held"] == held


async def test_cell_values_are_returned_per_character_and_as_columns(app: App, lens: Lens) -> None:
    text, lm = reply(app), app.served("random").lm
    cells = np.rint(127 * np.tanh([token.cells for token in traced(lm, text).tokens()])).astype(int)
    assert await lens.all_of("values", text, 100, cell=[1, 5]) == cells[100:, 1, 5].tolist()
    answer = await lens.ask(text, **{"from": 190}, layer=0)
    picture = np.frombuffer(base64.b64decode(answer["columns"]), np.int8).reshape(-1, lm.config.hidden_size)
    assert picture.tolist() == cells[190 : 190 + len(picture), 0].tolist()
    assert await lens.all_of("values", text, 200, cell=[7, 5], layer=7) == [None] * 6


async def test_one_character_has_all_alternatives_gates_and_the_steps_of_its_computation(app: App, lens: Lens) -> None:
    text, lm = reply(app), app.served("random").lm
    step = {"settings": SETTINGS, "draw": 94, "picked": False}
    answer = await lens.ask(text, at=100, cell=[1, 5], step=step)
    assert len(answer["top"]) + len(answer["rest"]) == len(lm.tokenizer)
    i, f, g, _ = answer["gates"]
    assert f * answer["cell"][0] + i * g == pytest.approx(answer["cell"][1], abs=0.01)
    shown = answer["step"]
    assert (shown["read"], shown["temperature"], shown["draw"]["number"]) == (text[99], 0.8, 94)
    of_prompt = (await lens.ask(text, at=3, step={"settings": None, "draw": None, "picked": False}))["step"]
    assert (of_prompt["draw"], of_prompt["temperature"]) == (None, 1.0)
    assert (await lens.ask(text, at=100, step={**step, "draw": None, "picked": True}))["step"]["picked"]
    first = await lens.ask(text, at=0, step={"settings": None})
    assert (first["top"], first["step"]) == ([], {})


async def test_why_has_the_numbers_of_occlusion(app: App, lens: Lens) -> None:
    text, lm = reply(app), app.served("random").lm
    for position, start in ((150, True), (40, True), (150, False)):
        found = result_of(occlusion_in_slices(traced(lm, text, skip_start=not start), position))
        answer = await lens.ask(text, why=position, start=start)
        assert answer.pop("changes") == [round(each, 6) for each in found.changes.tolist()]
        assert answer == {"surprisal": round(found.bits, 6), "start": found.start, "more": False}
    assert (await lens.ask(text, why=0)) == {"surprisal": None, "start": 0, "changes": [], "more": False}
    assert (await lens.ask(text, why=1))["changes"] == [None]


async def test_why_ends_when_its_client_has_left(app: App, lens: Lens, monkeypatch: pytest.MonkeyPatch) -> None:
    workers = app.page.traces.why_workers
    monkeypatch.setattr(trace_route, "occlusion_in_slices", lambda *_: itertools.repeat(None))  # work without an end
    async with httpx.AsyncClient() as client:
        leaving = asyncio.create_task(client.post(f"{app.url}trace", json=lens.query("ROMEO:", why=3)))
        await asyncio.to_thread(eventually, lambda: workers.waiting)
        leaving.cancel()
    await asyncio.to_thread(eventually, lambda: not workers.waiting)
    monkeypatch.undo()
    assert (await lens.ask("ROMEO:", why=3))["changes"]


async def test_the_passages_of_a_cell_without_blocked_words(
    app: App, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = app.served("random")
    text = "To be, or not to be, that is the question here. " * 3
    named = replace(NAMED, high=(3, 60), low=(140,), sample=Sample(text, 7))
    monkeypatch.setattr(served.lm, "cells", (named,))

    async def passages(**query: Any) -> httpx.Response:
        asked = {"model": {"name": "random", "commit": ""}, "cell": [1, 5], **query}
        return await http.post(f"{app.url}passages", json=asked)

    answer = (await passages()).json()
    assert answer["seed"] == 7
    assert answer["high"] == [[text[:3], text[3], text[4:16]], [text[30:60], text[60], text[61:73]]]
    assert [len(each) for each in answer["low"][0]] == [30, 1, 3]
    monkeypatch.setattr(served.engine, "blocked", BlockedWords(["question"]))
    answer = (await passages()).json()
    assert (len(answer["high"]), len(answer["low"])) == (1, 0)
    assert (await passages(cell=[7, 7])).json() == {"seed": None, "high": [], "low": []}
    for wrong in ({"cell": "x"}, {"cell": [0]}, {"model": {"name": "random", "commit": "a" * 40}}):
        assert "refusal" in (await passages(**wrong)).json()


async def test_a_blend_is_read_with_its_share(app: App, lens: Lens) -> None:
    first, other = (app.served(name).lm.models[0] for name in ("random", "other"))
    second = {"name": "other", "commit": ""}
    for share in (0.25, 0.75, None):
        blend = traced(Blend(first, other) if share is None else Blend(first, other, share), "ROMEO: but")
        assert await lens.all_of("bits", "ROMEO: but", second=second, share=share) == bits_of(blend)
        changes = result_of(occlusion_in_slices(blend, 9)).changes.tolist()
        why = await lens.ask("ROMEO: but", why=9, second=second, share=share)
        assert why["changes"] == pytest.approx(changes, abs=1e-6)
    of_blend = await lens.ask("ROMEO: but", at=5, second=second, step={"settings": SETTINGS, "draw": 0})
    assert of_blend["step"] == {"mixed": True}
    assert "Blend is 2" in (await lens.ask("ROMEO: but", at=5, second=second, share=2))["refusal"]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"from": -1}, "from is -1: it must be a whole number of at least 0"),
        ({"at": 10**9}, "no such character"),
        ({"why": 10**9}, "no such character"),
        ({"tail": {"at": 0, "text": "x" * 110_001}}, "Text has 110,001 characters"),
        ({"length": 7}, "it must be that of the whole text"),
        ({"cell": [0, -1]}, "cell is -1"),
        ({"model": {"name": "random", "commit": "a" * 40}}, "Commit aaaaaaa wrote this"),
        ({"clamps": [[6, []]]}, "it must be positions of the text"),
        *(({"at": 3, "step": wrong}, "it must be") for wrong in (5, {"settings": 5}, {"draw": -1}, {"picked": 1})),
    ],
)
async def test_an_invalid_field_is_refused_in_one_line(app: App, lens: Lens, wrong: dict[str, Any], words: str) -> None:
    answer = await lens.post(**{**lens.query("ROMEO:", **{"from": 0}), **wrong})
    assert words in answer["refusal"]
    assert answer.get("gone") == (True if "Commit" in words else None)
