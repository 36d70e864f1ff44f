"""The engine of the static page: the same text and the same lens data as Python."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, astuple, replace
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Playwright

from model import (
    PRETRAINED,
    CharLSTM,
    CharTokenizer,
    ChatFormat,
    Engine,
    LSTMConfig,
    SamplingParams,
    Sequence as Reply,
    TextTrace,
    generate,
)
from model.attribution import occlusion_in_slices
from model.clamps import Clamp, Clamps
from model.engine.blend import Blend
from model.named_cells import cells_from_json
from tests.browser.driving import complaints_of
from tests.browser.test_static_page import NO_SIMD, PROMPTS, SETTINGS, VECTORS
from tests.local_hub import LocalHub
from tests.support.app_server import random_model
from tests.support.browser_engine import open_engine, request, site, trace, write, write_engine_page
from tests.support.cells_files import INVALID, VALID
from tests.support.chromium import launch, serve as serve_folder
from tests.support.tiny_models import saved_files, tiny_model
from tests.unit.model.int8.test_vectors import tiny as network_of_the_vectors
from training.hub.space_files import write_static
from ui.routes.lenses.step_lens import describe_step
from ui.routes.lenses.trace_answers import answer_at, answer_from, answer_why, occlusion_within

HELD = (Clamp(0, 3, 4.0), Clamp(1, 20, -0.1))
OTHERS = (Clamp(1, 7, 0.0),)


@pytest.fixture(scope="module")
def lm() -> CharLSTM:
    """Odd sizes, so that rows and columns are padded; it writes markup as readily as anything."""
    return random_model(hidden_size=21)


@pytest.fixture(scope="module")
def url(lm: CharLSTM, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("engine")
    write_static(folder, lm)
    write_engine_page(folder)
    with serve_folder(folder) as url:
        yield url


@pytest.fixture(scope="module")
def old_browser(playwright: Playwright) -> Iterator[Browser]:
    browser = launch(playwright, NO_SIMD)
    yield browser
    browser.close()


@pytest.fixture
def get_fixture(request: pytest.FixtureRequest) -> Callable[[str], Any]:
    """``request.getfixturevalue``; the name ``request`` is that of the engine here."""
    return request.getfixturevalue


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    """A page with the engine; fails on errors in the console."""
    page = browser.new_page()
    complaints = complaints_of(page)
    open_engine(page, url)
    yield page
    page.close()
    assert not complaints


def starts(lm: CharLSTM, text: str) -> bool:
    """Return whether the model reads its start character before a text."""
    return not lm.tokenizer.in_vocab(text).any()


def python_reply(
    lm: CharLSTM | Blend,
    prompt: str,
    before: Reply | None = None,
    clamps: Clamps = (),
    offset: int = 0,
    **settings: Any,
) -> Reply:
    """Generate a reply; ``before`` is the reply that it comes after."""
    engine = Engine(lm, max_slots=1, precision="int8")
    memory = before.memory if before else None
    reply = engine.add_request(prompt, SamplingParams(**settings), memory=memory, draw_offset=offset, clamps=clamps)
    while not reply.finished:
        engine.step()
    return reply


def test_the_replies_of_the_vectors(browser: Browser, hub: LocalHub, tmp_path: Path) -> None:
    write_static(tmp_path / "site", network_of_the_vectors())
    write_engine_page(tmp_path / "site")
    asked = [*VECTORS["replies"], *({**each["reply"], "clamps": each["hold"]} for each in VECTORS["held"])]
    with serve_folder(tmp_path / "site") as url:
        page = browser.new_page()
        open_engine(page, url)
        for each in asked:
            settings = {name: value for name, value in each.items() if name not in ("prompt", "text", "clamps")}
            cells = each.get("clamps", [])
            answer = write(page, request(each["prompt"], cells=cells, **{"length": 120, **settings}))
            assert answer["text"] == each["text"]
        page.close()


def test_the_bundled_model_and_its_named_cells(browser: Browser, tmp_path: Path) -> None:
    lm = CharLSTM.from_pretrained(PRETRAINED)
    write_static(tmp_path, lm)
    write_engine_page(tmp_path)
    with serve_folder(tmp_path) as url:
        page = browser.new_page()
        open_engine(page, url)
        [model] = site(page)["models"]
        assert model["cells"] == [{**cell.facts(), "remembers": cell.remembers, "passages": True} for cell in lm.cells]
        for cell in lm.cells[::7]:
            query = {"model": {"name": "", "commit": ""}, "cell": [cell.layer, cell.index]}
            found = page.evaluate("(query) => window.engine.passages(query)", query)
            high, low = ([list(astuple(each)) for each in cell.passages(ends)] for ends in (cell.high, cell.low))
            assert cell.sample
            assert len(high) == len(low) == 10
            assert found == {"seed": cell.sample.seed, "high": high, "low": low}
        assert model["name"] == "Shakespeare"
        for seed in range(3):
            assert write(page, request("ROMEO:", seed=seed, length=300))["text"] == generate(
                lm, "ROMEO:", 300, seed=seed
            )
        page.close()


def test_passages_are_checked_as_python_does(page: Page) -> None:
    sizes = {"layers": 2, "hidden": 100}
    read = """async ({ contents, sizes }) => {
      const { parseCells, passagesOf } = await import("./worker/named_cells.js");
      const found = contents.map((content) => parseCells(content, sizes));
      return found.map((each) => each && passagesOf(each.sample, [1, 3]));
    }"""
    assert page.evaluate(read, {"contents": INVALID, "sizes": sizes}) == [None] * len(INVALID)
    found = page.evaluate(read, {"contents": VALID, "sizes": sizes})
    for content, shown in zip(VALID, found, strict=True):
        (cell,) = cells_from_json(content, LSTMConfig(50, 5, 100, 2))
        assert shown["high"] == [list(astuple(each)) for each in cell.passages(cell.high)]
        assert shown["low"] == [list(astuple(each)) for each in cell.passages(cell.low)]


def test_the_site_describes_the_model(page: Page, lm: CharLSTM) -> None:
    found = site(page)
    [model] = found["models"]
    assert model["vocab"] == list(lm.tokenizer.vocab)
    assert (model["layers"], model["hidden"], model["chat"], model["cells"]) == (2, 21, None, [])
    assert model["examples"] == ["ROMEO:", "First\n"]
    facts = ["model.parameters", "model.layers", "model.characters", "static.browser"]
    assert [each["id"] for each in model["about"]] == facts
    assert generate(lm, "", 240, seed=model["welcome_seed"]).startswith(model["welcome"])
    assert len(model["welcome"]) >= 100
    assert found["title"] == model["name"] == "char-lstm"
    page.wait_for_function("() => window.parts.at(-1) === 1")  # the site is known before the weights are here


@pytest.mark.parametrize("which", ["browser", "old_browser"])
def test_the_text_equals_that_of_python(get_fixture: Callable[[str], Any], which: str, url: str, lm: CharLSTM) -> None:
    page = get_fixture(which).new_page()
    open_engine(page, url)
    way = site(page)["models"][0]["about"][-1]["values"]["way"]
    assert way == {"browser": "WebAssembly", "old_browser": "JavaScript"}[which]
    for prompt in PROMPTS:
        for settings in SETTINGS:
            plain = {name: value for name, value in settings.items() if name != "clamps"}
            asked = request(prompt, start=starts(lm, prompt), cells=settings.get("clamps", []), length=150, **plain)
            answer = write(page, asked)
            assert answer["text"] == generate(lm, prompt, 150, unknown="skip", **settings)
            assert answer["end"] == "length"
    page.close()


def conversation(lm: CharLSTM) -> tuple[str, list[tuple[int, Clamps]], Reply]:
    """Return a text of two prompts with unknown characters and replies with clamps, its clamps, and the last reply."""
    first = python_reply(lm, "ROMEO:漢", clamps=HELD, seed=3, length=60)
    more = python_reply(lm, "", first, OTHERS, 60, seed=3, length=40)
    second = python_reply(lm, "\n漢JULIET:漢", more, seed=4, length=50)
    text = f"ROMEO:漢{first.text}{more.text}\n漢JULIET:漢"
    end = 7 + 60 + 40
    return text, [(5, HELD), (7 + 59, OTHERS), (end - 1, ())], second


@pytest.mark.parametrize("is_warm", [True, False])
def test_a_text_is_continued_from_a_state_or_from_the_text_alone(page: Page, lm: CharLSTM, is_warm: bool) -> None:
    text, clamps, reply = conversation(lm)
    if is_warm:
        parts = [
            (request("ROMEO:漢", cells=HELD, seed=3, length=60), 7 + 60),
            (request(text[:67], clamps=clamps[:1], cells=OTHERS, draw_offset=60, seed=3, length=40), 7 + 100),
        ]
        for asked, end in parts:
            assert asked["text"] + write(page, asked)["text"] == text[:end]
    asked = request(text, clamps=clamps, seed=4, length=50)
    assert write(page, asked)["text"] == reply.text
    # Again from the log, after a part of it was received.
    assert write(page, {**asked, "received": reply.text[:20]})["text"] == reply.text[20:]
    assert write(page, {**asked, "received": reply.text})["text"] == ""
    cut = request(text + reply.text[:30], clamps=clamps, seed=4, length=20, draw_offset=30)
    assert write(page, cut)["text"] == reply.text[30:]


def test_the_stop_text_is_held_back(page: Page, lm: CharLSTM) -> None:
    whole = generate(lm, "A", 200, seed=5)
    stop = whole[90:93]
    answer = write(page, request("A", seed=5, length=200, stop=stop))
    assert (answer["text"], answer["end"]) == (whole[: whole.index(stop)], "stop")
    near = stop[:2] + ("x" if stop[2] != "x" else "y")  # of which only the beginning comes
    answer = write(page, request("A", seed=5, length=92, stop=near))
    assert (answer["text"], answer["end"]) == (whole[:92], "length")


def test_a_chat(browser: Browser, lm: CharLSTM, tmp_path: Path) -> None:
    chat = ChatFormat("A: ", "\nB: ", "e")
    write_static(tmp_path, replace(lm, chat=chat))
    write_engine_page(tmp_path)
    first = python_reply(lm, chat.wrap("Hello"), seed=3, length=500, stop="e")
    second = python_reply(lm, chat.wrap("Again"), first, seed=4, length=500, stop="e")
    with serve_folder(tmp_path) as url:
        page = browser.new_page()
        open_engine(page, url)
        [model] = site(page)["models"]
        assert model["chat"] == {"prefix": "A: ", "suffix": "\nB: ", "stop": "e"}
        text = chat.wrap("Hello")
        answer = write(page, request(text, seed=3, length=500, stop="e"))
        assert (answer["text"], answer["end"]) == (first.text, first.finish_reason)
        text += first.text + ("e" if first.finish_reason == "stop" else "") + chat.wrap("Again")
        assert write(page, request(text, seed=4, length=500, stop="e"))["text"] == second.text
        page.close()


def test_the_character_of_rare_ones_is_never_written(browser: Browser, lm: CharLSTM, tmp_path: Path) -> None:
    whole = python_reply(lm, "A", seed=3, length=300).text
    rare = replace(lm, tokenizer=CharTokenizer(lm.tokenizer.vocab, rare=max(whole, key=whole.count)))
    write_static(tmp_path, rare)
    write_engine_page(tmp_path)
    with serve_folder(tmp_path) as url:
        page = browser.new_page()
        open_engine(page, url)
        text = write(page, request("A", seed=3, length=300))["text"]
        assert text == python_reply(rare, "A", seed=3, length=300).text
        assert rare.tokenizer.rare not in text
        page.close()


def push(hub: LocalHub, name: str, lm: CharLSTM, folder: Path) -> str:
    """Put a model on the Hub; returns its commit."""
    return hub.add_repo(name, saved_files(lm, folder)).commit("main").oid


@pytest.fixture
def two_models(hub: LocalHub, tmp_path: Path) -> Iterator[tuple[str, list[CharLSTM], list[dict[str, str]]]]:
    """The address of a page, two models of the Hub of other sizes and characters, and how requests name them."""
    lms = [random_model(hidden_size=21), tiny_model("xyzabcdefgh ,.:EMOR\n", hidden=13, layers=1)]
    names = ["ada/one", "ada/two"]
    commits = [push(hub, name, lm, tmp_path / name) for name, lm in zip(names, lms, strict=True)]
    write_static(tmp_path / "site", random_model(3))
    write_engine_page(tmp_path / "site")
    with serve_folder(tmp_path / "site") as url:
        yield url, lms, [{"name": name, "commit": commit} for name, commit in zip(names, commits, strict=True)]


def test_two_models_of_the_hub_write_at_once_and_together(
    browser: Browser, hub: LocalHub, two_models: tuple[str, list[CharLSTM], list[dict[str, str]]]
) -> None:
    url, lms, refs = two_models
    page = browser.new_page()
    open_engine(page, url, hub=hub.url, models=["ada/one"])
    [one] = site(page)["models"]
    assert (one["name"], one["commit"]) == (refs[0]["name"], refs[0]["commit"])
    assert one["about"][0] == {"id": "model.commit", "values": {"commit": refs[0]["commit"][:7]}}
    both = page.evaluate(
        """(asked) => Promise.all(asked.map(async (request) => {
          let text = "";
          await window.engine.write(request, { onText: (more) => (text += more) }, new AbortController().signal);
          return text;
        }))""",
        [request("ROME", model=ref, seed=2, length=2000) for ref in refs],
    )
    assert both == [generate(lm, "ROME", 2000, seed=2) for lm in lms]
    for share in (0.0, 0.3, 1.0):
        for first, second in ((0, 1), (1, 0)):
            asked = request("RO漢M", model=refs[first], second=refs[second], seed=4, length=150, share=share)
            blend = Blend(lms[first], lms[second], share)
            assert write(page, asked)["text"] == python_reply(blend, "RO漢M", seed=4, length=150).text
    refused = write(page, {**asked, "cells": [[0, 1, 1.0]]})
    assert refused == {"refusal": {"id": "refusal.clamps_blended"}}
    added = page.evaluate("window.engine.add('ada/two')")
    assert added["vocab"] == list(lms[1].tokenizer.vocab)
    assert [each["name"] for each in site(page)["models"]] == ["ada/one", "ada/two"]
    assert page.evaluate("(model) => engine.samples(model)", refs[1]) == {"samples": []}
    missing = page.evaluate("window.engine.add('ada/three')")
    assert missing["failure"]["id"] == "static.not_loaded"
    nowhere = {"name": "ada/three", "commit": "0" * 40}
    assert write(page, request("A", model=nowhere, seed=1))["refusal"]["id"] == "static.not_loaded"
    page.close()


def test_a_model_of_this_browser_replaces_one_of_the_same_name(page: Page, tmp_path: Path) -> None:
    give = """async (files) => {
      const bytes = (text) => Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
      await engine.give("local/mine", Object.fromEntries(files.map(([name, text]) => [name, bytes(text)])));
      return (await engine.add("local/mine")).commit;
    }"""
    commits = []
    for seed in (1, 2):
        random_model(seed).save_pretrained(tmp_path / str(seed))
        files = [(path.name, base64.b64encode(path.read_bytes()).decode()) for path in (tmp_path / str(seed)).iterdir()]
        commits.append(page.evaluate(give, files))
    assert commits[0] != commits[1]
    assert [each["commit"] for each in site(page)["models"]] == ["", commits[1]]


def test_stop_ends_a_reply_while_it_writes_reads_or_waits(page: Page, lm: CharLSTM) -> None:
    whole = generate(lm, "A", 10_000, seed=1)
    answer = write(page, request("A", seed=1, length=10_000), stop_at=500)
    assert answer["end"] == "abort"
    assert answer["text"] == whole[: len(answer["text"])]
    assert 500 <= len(answer["text"]) < 10_000
    slow = write(page, request("A", seed=1, length=10_000, speed=5), stop_at=2)
    assert (slow["text"], slow["end"]) == (whole[:2], "abort")
    reading = page.evaluate(
        """async (asked) => {
          const stop = new AbortController();
          setTimeout(() => stop.abort(), 50);
          return window.engine.write(asked, { onText() {} }, stop.signal);
        }""",
        request("To be, or not to be. " * 4_700, seed=1),
    )
    assert reading == {"end": "abort", "error": None, "rate": None}
    assert write(page, request("A", seed=1, length=20))["text"] == whole[:20]


def test_a_text_that_is_too_long_is_refused(page: Page) -> None:
    assert write(page, request("A" * 110_001, seed=1))["refusal"]["id"] == "refusal.characters"


def ask(page: Page, text: str, clamps: Sequence[tuple[int, Clamps]] = (), **query: Any) -> dict[str, Any]:
    """Return the answer to a query about a text that is sent whole."""
    asked = request(text, clamps=clamps, seed=0)
    about = {name: asked[name] for name in ("model", "second", "start", "text", "clamps")}
    whole = {"trace": "a", "server": "", "share": None, "length": len(text), "tail": {"at": 0, "text": text}}
    return trace(page, {**about, **whole, **query})


def since(position: int) -> dict[str, Any]:
    """Return the part of a query that asks for the characters from a position on."""
    return {"from": position}


def read_all(page: Page, text: str, clamps: Sequence[tuple[int, Clamps]] = (), **query: Any) -> dict[str, Any]:
    """Return the answers about all characters of a text, joined as one.

    One answer covers the characters that the worker reads in its time slice, so a busy machine needs several.
    """
    first = query.pop("from", 0)
    joined: dict[str, Any] = {"bits": []}
    more = True
    while more:
        answer = ask(page, text, clamps, **query, **since(first + len(joined["bits"])))
        more = answer["more"]
        for name in ("bits", "values", "columns"):
            if name in answer:
                joined[name] = joined.get(name, []) + answer[name]
    return joined


def bytes_in(text: str) -> list[int]:
    """Returns the signed bytes of a base64 text."""
    numbers: list[int] = np.frombuffer(base64.b64decode(text), np.int8).tolist()
    return numbers


def of_python(reading: TextTrace, **query: Any) -> dict[str, Any]:
    """Return the app's answer about all characters of a text, or about one."""
    if "at" in query:
        return answer_at(reading, query)
    joined: dict[str, Any] = {"bits": []}
    while len(joined["bits"]) < len(reading):
        answer: dict[str, Any] = answer_from(reading, {"from": len(joined["bits"]), **query}, 1.0)
        if "columns" in answer:
            answer["columns"] = bytes_in(answer["columns"])
        for name in ("bits", "values", "columns"):
            if name in answer:
                joined[name] = joined.get(name, []) + answer[name]
    return joined


def read_conversation(lm: CharLSTM, *, start: bool) -> tuple[str, list[tuple[int, Clamps]], TextTrace]:
    """Return the text of `conversation` with its reply, its clamps, and how Python reads it."""
    text, clamps, reply = conversation(lm)
    reading = TextTrace(lm, skip_start=not start, precision="int8")
    reading.set_text(text + reply.text, clamps)
    return text + reply.text, clamps, reading


@pytest.mark.parametrize("start", [True, False])
def test_the_lenses_show_the_numbers_that_python_computes(page: Page, lm: CharLSTM, start: bool) -> None:
    text, clamps, reading = read_conversation(lm, start=start)
    shown = read_all(page, text, clamps, start=start, cell=[1, 20], layer=1)
    expected = of_python(reading, cell=[1, 20], layer=1)
    assert (shown["bits"], shown["values"]) == (expected["bits"], expected["values"])
    # The last bit of tanh in float32 is not the same everywhere.
    assert np.abs(np.array(shown["columns"]) - np.array(expected["columns"])).max() <= 1
    assert np.mean(np.array(shown["columns"]) != np.array(expected["columns"])) < 0.001
    assert read_all(page, text, clamps, start=start, cell=[2, 0])["values"] == [None] * len(text)
    for at in (0, 1, 5, 6, 7, 30, 66, 67, 106, 107, 108, 115, len(text) - 1):
        for cell in ([0, 3], [1, 20]):
            query: dict[str, Any] = {"at": at, "cell": cell, "first_layer": True}
            expected = of_python(reading, **query)
            assert ask(page, text, clamps, start=start, **query) == {"server": ANY, **expected}
    assert ask(page, text, clamps, at=len(text))["refusal"]["id"] == "refusal.no_character"


def ask_why(page: Page, text: str, clamps: Sequence[tuple[int, Clamps]], **query: Any) -> dict[str, Any]:
    """Return the complete answer; the worker answers after some milliseconds that it has more to do."""
    while (answer := ask(page, text, clamps, **query))["more"]:
        pass
    return answer


@pytest.mark.parametrize("start", [True, False])
def test_why_has_the_numbers_that_python_computes(page: Page, lm: CharLSTM, start: bool) -> None:
    text, clamps, reading = read_conversation(lm, start=start)
    for why in (len(text) - 1, 110, 60, 8, 7, 6, 1, 0):
        found = occlusion_within(occlusion_in_slices(reading, why), 60)
        assert found
        assert ask_why(page, text, clamps, start=start, why=why) == {"server": ANY, **answer_why(found)}
    assert ask(page, text, clamps, why=len(text))["refusal"]["id"] == "refusal.no_character"


@pytest.mark.parametrize("settings", [{"seed": 1}, {"seed": 7, "temperature": 5, "top_k": 30, "top_p": 0.9}])
def test_the_step_lens_shows_how_python_computes_a_character(
    page: Page, lm: CharLSTM, settings: dict[str, Any]
) -> None:
    reply = python_reply(lm, "ROMEO:", clamps=HELD, length=40, **settings)
    text, clamps = "ROMEO:" + reply.text, [(5, HELD)]
    reading = TextTrace(lm, skip_start=True, precision="int8")
    reading.set_text(text, clamps)
    params = asdict(reply.params)
    for at in (0, 1, 5, 6, 7, 25, 45):
        draw = at - 6 if at > 5 else None
        drawn = {"settings": None if draw is None else params, "draw": draw, "picked": False}
        answer = ask(page, text, clamps, at=at, cell=[0, 3], step=drawn)["step"]
        used = None if draw is None else reply.params
        expected = json.loads(json.dumps(describe_step(reading, at, 3, params=used, draw=draw)))
        if expected:
            expected["row"] = bytes_in(expected["row"])
            expected["layers"] = [{**layer, "bytes": bytes_in(layer["bytes"])} for layer in expected["layers"]]
        assert answer == expected
    answer = ask(page, text, clamps, at=20, step={"settings": params, "draw": None, "picked": True})["step"]
    assert (answer["draw"], answer["picked"]) == (None, True)


def test_the_lenses_over_two_models_that_write_together(
    browser: Browser, hub: LocalHub, two_models: tuple[str, list[CharLSTM], list[dict[str, str]]]
) -> None:
    url, lms, refs = two_models
    page = browser.new_page()
    open_engine(page, url, hub=hub.url, models=["ada/one"])
    text = "ROME, abcdefgh: 漢EMOR"
    for first, second in ((0, 1), (1, 0)):
        blend = Blend(lms[first], lms[second], 0.3)
        reading = TextTrace(blend, skip_start=True, precision="int8")
        reading.set_text(text)
        both: dict[str, Any] = {"model": refs[first], "second": refs[second], "share": 0.3, "trace": f"{first}"}
        for cell in ([0, 12], [1, 20], [2, 3]):
            shown = read_all(page, text, cell=cell, layer=2, **both)
            assert shown == of_python(reading, cell=cell, layer=2)
            query: dict[str, Any] = {"at": 9, "cell": cell}
            assert ask(page, text, **both, **query) == {"server": ANY, **of_python(reading, **query)}
        assert ask(page, text, at=3, step={"settings": None, "draw": None, "picked": False}, **both)["step"] == {
            "mixed": True
        }
        assert ask(page, text, at=3, first_layer=True, **both)["first_layer"] is None
        found = occlusion_within(occlusion_in_slices(reading, 18), 60)
        assert found
        assert ask_why(page, text, (), why=18, **both) == {"server": ANY, **answer_why(found)}
    page.close()


def test_a_text_that_changes_is_sent_in_parts(page: Page, lm: CharLSTM) -> None:
    def expected(text: str, clamps: Sequence[tuple[int, Clamps]]) -> list[float]:
        reading = TextTrace(lm, skip_start=True, precision="int8")
        reading.set_text(text, clamps)
        bits: list[float] = of_python(reading)["bits"]
        return bits

    text = "To be, or not to be" * 20
    assert read_all(page, text)["bits"] == expected(text, ())
    text += "🙂 that is"
    added: dict[str, Any] = {"length": len(text), "tail": {"at": len(text) - 9, "text": "🙂 that is"}}
    assert read_all(page, "", **added, **since(100))["bits"] == expected(text, ())[100:]
    text = text[:200] + "the question"
    changed: dict[str, Any] = {"length": len(text), "tail": {"at": 200, "text": "the question"}}
    assert read_all(page, "", **changed)["bits"] == expected(text, ())
    same: dict[str, Any] = {"length": len(text), "tail": {"at": len(text), "text": ""}}
    clamps = [(150, HELD)]
    assert read_all(page, "", clamps, **same)["bits"] == expected(text, clamps)
    assert ask(page, "", trace="b", **same, **since(0))["unknown"] is True
    assert ask(page, "", length=5, tail={"at": 2, "text": "x"}, **since(0))["unknown"] is True


def test_a_reply_continues_while_a_lens_reads_a_long_text(page: Page, lm: CharLSTM) -> None:
    text = "To be, or not to be. " * 3_000
    asked = request("A", seed=1, length=200, speed=100)
    texts, answered = page.evaluate(
        """async ({ asked, query }) => {
          let texts = 0;
          const reply = window.engine.write(asked, { onText: () => (texts += 1) }, new AbortController().signal);
          const answer = await window.engine.trace(query);
          const before = texts;
          await reply;
          return [before, answer.bits.length];
        }""",
        {
            "asked": asked,
            "query": {
                **{name: asked[name] for name in ("model", "second", "start", "clamps")},
                "trace": "c",
                "server": "",
                "share": None,
                "length": len(text),
                "from": len(text) - 3,
                "tail": {"at": 0, "text": text},
            },
        },
    )
    assert texts > 3  # a worker that reads the whole text at once sends at most the first character before it answers
    assert answered == 3
