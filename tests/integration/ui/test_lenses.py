"""What the page's lenses are told, over HTTP as the page asks."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

import httpx
import numpy as np
import pytest

from model import Cell, TextTrace, generate
from tests.support.app_server import App, random_model, serving
from tests.support.english import english
from tests.support.page_client import LIMITS, TIMEOUT_S, Visitor

NAMED = Cell(1, 5, "place in the line", "r", -0.93, 0.1, 0.4)
KEY = "a key that nobody else has"
FAST = 200


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    with serving({"random": replace(random_model(), cells=(NAMED,)), "other": random_model(1)}) as app:
        yield app


class Looker(Visitor):
    """A visitor who has put a lens on."""

    async def ask(self, **question: Any) -> dict[str, Any]:
        answer = await self.http.post(f"{self.url}lens", json={"key": KEY, **question})
        told: dict[str, Any] = answer.raise_for_status().json()
        return {**told, "refusal": english(told["refusal"])} if "refusal" in told else told

    async def begin(self, prompt: str = "ROMEO:", length: int = 200) -> str:
        """Has a reply written and the lens on; returns what the turn holds."""
        token = await self.send(prompt, Length=length, Speed=FAST, Seed=7)
        text, _ = await self.reply(token)
        await self.press("view", "look", {"key": KEY})
        return prompt + text

    async def all_of(self, number: int, name: str, first: int = 0, **question: Any) -> list[Any]:
        """What is told of each character from this one on, in as many answers as it takes."""
        return [each for told in await self.answers(number, name, first, **question) for each in told[name]]

    async def answers(self, number: int, name: str, first: int, **question: Any) -> list[dict[str, Any]]:
        """Those answers: a slow machine's hold few characters each."""
        told = [await self.ask(turn=number, **{"from": first}, **question)]
        while told[-1]["more"]:
            first += len(told[-1][name])
            told.append(await self.ask(turn=number, **{"from": first}, **question))
        return told


def visit(app: App, story: Any) -> Any:
    async def whole() -> Any:
        async with httpx.AsyncClient(timeout=TIMEOUT_S, limits=LIMITS) as http:
            return await story(Looker(http, app.url, (await http.get(f"{app.url}config")).json()))

    return asyncio.run(whole())


def test_bits_come_in_parts_and_are_those_of_the_text(app: App) -> None:
    async def story(visitor: Looker) -> None:
        text = await visitor.begin()
        bits = await visitor.all_of(1, "bits")
        reading = TextTrace(app.served("random").lm, skip_start=True)
        reading.set_text(text)
        assert bits == [None, *(round(seen.bits, 3) for seen in list(reading.tokens())[1:])]
        first = await visitor.ask(turn=1, **{"from": 0})
        assert first["given"] == "ROMEO:"
        assert await visitor.all_of(1, "bits", 150) == bits[150:]

    visit(app, story)


def test_only_who_has_the_key_sees_the_text(app: App) -> None:
    async def story(visitor: Looker) -> None:
        await visitor.begin()
        for key in ("", None, "another key of some length", [KEY], 7):
            assert await visitor.ask(key=key, turn=1, **{"from": 0}) == {"unknown": True}
        for key in ("short", 5, ["x" * 20], "x" * 1000):
            await visitor.press("view", "look", {"key": key})  # type: ignore[dict-item]
            assert await visitor.ask(key=key, turn=1, **{"from": 0}) == {"unknown": True}

    visit(app, story)


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ({"turn": 9, "from": 0}, "no longer kept"),
        ({"turn": [1], "from": 0}, "no longer kept"),
        ({"turn": 0, "from": 0}, "paste it again"),
        ({"turn": 1}, "from must be a whole number"),
        ({"turn": 1, "from": -1}, "from must be a whole number"),
        ({"turn": 1, "from": True}, "from must be a whole number"),
        ({"turn": 1, "at": 10**9}, "no such character"),
        ({"turn": 1, "from": 0, "cell": [0, -1]}, "cell must be a layer and a number"),
        ({"turn": 1, "from": 0, "cell": "0"}, "cell must be a layer and a number"),
        ({"turn": 1, "at": 0, "cell": [True, 0]}, "cell must be a layer and a number"),
        ({"turn": 1, "from": 0, "layer": None}, "layer must be a whole number"),
        ({"about": "none"}, "Model is 'none'"),
        ({"turn": 1, "at": "0"}, "at must be a whole number"),
        ({"text": ["x"]}, "Text is ['x']: it must be a text"),
        ({"text": "x" * 20_001}, "Text has 20,001 characters"),
        ({"text": "x" * 300_000}, "Text is too long"),
        ({"text": "x", "model": "none"}, "Model is 'none'"),
        ({"text": "x", "model": {}}, "Model is {}"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_a_line(app: App, question: dict[str, Any], words: str) -> None:
    async def story(visitor: Looker) -> None:
        await visitor.begin(length=5)
        told = await visitor.ask(**question)
        assert list(told) == ["refusal"]
        assert words in told["refusal"]

    visit(app, story)


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b"[" * 100_000, b'"x"'])
def test_a_question_that_is_none_is_refused(app: App, body: bytes) -> None:
    assert "refusal" in httpx.post(f"{app.url}lens", content=body).json()
    assert httpx.get(f"{app.url}lens").status_code == 405


def test_a_text_of_ones_own_is_read_from_where_it_changed_and_by_the_model_that_is_chosen(app: App) -> None:
    async def story(visitor: Looker) -> None:
        await visitor.begin(length=5)
        told: dict[str, list[float]] = {}
        for text, model, same in (
            ("To be", "random", 0),
            ("To be 🙃 or ü", "random", 5),
            ("To 🙃", "random", 3),
            ("To 🙃", "other", 0),
            ("", "other", 0),
        ):
            assert await visitor.ask(text=text, model=model) == {"same": same}
            told[text + model] = await visitor.all_of(0, "bits")
            assert len(told[text + model]) == len(text)
        assert told["To berandom"] == told["To be 🙃 or ürandom"][:5]
        assert told["To be 🙃 or ürandom"][-1] == -1
        assert told["To 🙃random"][1:] != told["To 🙃other"][1:]

    visit(app, story)


def test_one_character_closely_has_all_that_could_have_stood_there(app: App) -> None:
    async def story(visitor: Looker) -> None:
        text = await visitor.begin()
        lm = app.served("random").lm
        told = await visitor.ask(turn=1, at=100)
        assert len(told["top"]) + len(told["rest"]) == len(lm.tokenizer)
        logits = [logit for _, logit in told["top"]] + told["rest"]
        assert logits == sorted(logits, reverse=True)
        assert (await visitor.ask(turn=1, at=0))["top"] == []
        assert len(text) == 206

    visit(app, story)


def test_cells_come_with_the_text_and_as_a_picture(app: App) -> None:
    async def story(visitor: Looker) -> None:
        text = await visitor.begin()
        lm = app.served("random").lm
        reading = TextTrace(lm, skip_start=True)
        reading.set_text(text)
        cells = np.rint(127 * np.tanh([seen.cells for seen in reading.tokens()])).astype(int)
        answers = await visitor.answers(1, "values", 190, cell=[1, 5], layer=0)
        assert [value for told in answers for value in told["values"]] == cells[190:, 1, 5].tolist()
        drawn = b"".join(base64.b64decode(told["columns"]) for told in answers)
        columns = np.frombuffer(drawn, np.int8).reshape(-1, lm.config.hidden_size)
        assert columns.tolist() == cells[190:, 0].tolist()
        assert await visitor.all_of(1, "values", 200, cell=[7, 5], layer=7) == [None] * 6

    visit(app, story)


def test_the_gates_of_a_cell_make_it_what_it_becomes(app: App) -> None:
    async def story(visitor: Looker) -> None:
        await visitor.begin()
        for position in (0, 7, 150):
            told = await visitor.ask(turn=1, at=position, cell=[1, 5])
            i, f, g, _ = told["gates"]
            before, after = told["cell"]
            assert f * before + i * g == pytest.approx(after, abs=0.01)
        assert "gates" not in await visitor.ask(turn=1, at=7, cell=[2, 5])

    visit(app, story)


def test_a_model_tells_its_sizes_and_the_names_of_its_cells(app: App) -> None:
    async def story(visitor: Looker) -> None:
        await visitor.begin(length=5)
        told = await visitor.ask(about="random")
        assert told == {"layers": 2, "hidden": 24, "cells": [{**asdict(NAMED), "remembers": True}]}
        assert (await visitor.ask(about=None))["hidden"] == 24
        assert (await visitor.ask(about="other"))["cells"] == []

    visit(app, story)


def test_cells_are_held_let_go_and_refused_beyond_a_few(app: App) -> None:
    async def story(visitor: Looker) -> None:
        await visitor.begin(length=30)
        cells = [[0, at, 4.0] for at in range(5)]
        held = await visitor.press("view", "hold", {"hold": cells[:4]})  # type: ignore[dict-item]
        assert held[-1] == {"held": cells[:4], "of": "random"}
        for wrong, words in (
            (cells, "At most 4 cells"),
            ([[9, 0, 1.0]], "Hold is not allowed: a clamp names layer 9: this model has layers 0 to 1"),
            ([[0, 0, 99]], "Hold is not allowed: a clamp has the value 99"),
            ([[0, 0]], "Hold is [0, 0]"),
            ("up", "Hold is 'up'"),
            (None, "Hold is None"),
        ):
            shown = await visitor.press("view", "hold", {"hold": wrong})  # type: ignore[dict-item]
            assert words in shown[-2]["refusal"]
            assert shown[-1]["held"] == cells[:4]
        assert "held" not in str(await visitor.press("view", "hold", {"hold": []}))  # type: ignore[dict-item]

    visit(app, story)


def test_a_held_reply_is_told_beside_what_it_would_be(app: App) -> None:
    async def story(visitor: Looker) -> None:
        text = await visitor.begin(length=200)
        assert await visitor.ask(turn=1, without=True) == {}
        await visitor.press("view", "hold", {"hold": [[1, 5, -4.0]]})  # type: ignore[dict-item]
        token = (await visitor.press("view", "again", {}, Speed=FAST))[-1]["stream"]
        again, _ = await visitor.reply(token)
        assert again == generate(app.served("random").lm, "ROMEO:", 200, seed=7, clamps=[(1, 5, -4.0)])
        assert await visitor.ask(turn=2, without=True) == {"from": 0, "without": text.removeprefix("ROMEO:")}
        assert (await visitor.ask(turn=2, at=50, cell=[1, 5]))["held"]
        assert (await visitor.ask(turn=2, at=50, cell=[1, 5]))["cell"] == [-4.0, -4.0]
        assert not (await visitor.ask(turn=2, at=50, cell=[1, 6]))["held"]
        assert "no longer kept" in (await visitor.ask(turn=0, without=True))["refusal"]

    visit(app, story)
