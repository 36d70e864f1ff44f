"""What is on the screen follows from the state alone: a test puts a state in, and no engine and no click is needed."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

DRAW = """async () => {
  const load = (name) => import(`/${name}.js`);
  const [main, state, actions, stored, words] = await Promise.all(
    ["page/main", "state/state", "state/actions", "conversation/stored_conversations", "document/words"].map(load));
  await words.loadLanguages("/", "en");
  const html = await (await fetch("/index.html")).text();
  document.body.replaceChildren(new DOMParser().parseFromString(html, "text/html").querySelector("#page"));
  actions.connect({ trace: async () => ({ refusal: { id: "fault.connection" } }) }, new stored.Storage(null));
  main.drawPage(document.body.firstChild);
  window.state = state;
}"""
PUT = """(values) => {
  for (const [name, value] of Object.entries(values))
    name.split(".").reduce((found, key) => found[key], state).value = value;
  state.changes.value++;
}"""
MODEL: dict[str, Any] = {
    "name": "m",
    "commit": "",
    "failure": None,
    "loading": False,
    "about": [],
    "welcome": "",
    "welcome_seed": 1,
    "examples": ["ROMEO:"],
    "chat": None,
    "layers": 1,
    "hidden": 4,
    "vocab": list("abc"),
    "cells": [],
    "samples": False,
    "exact": True,
    "version": "1",
}
SITE: dict[str, Any] = {
    "version": "1",
    "again_s": None,
    "title": "A title",
    "welcome": "A line",
    "notices": [],
    "models": [MODEL, {**MODEL, "name": "other"}],
    "address": "",
}
PART: dict[str, Any] = {
    "settings": {"seed": 7, "length": 3, "temperature": 0.5},
    "draw_offset": 0,
    "cells": [],
    "text": "abc",
    "end": "length",
    "picked": False,
    "rate": None,
    "error": None,
}


def turn(id: int, parent: int, **part: Any) -> dict[str, Any]:
    ref = {"name": "m", "commit": ""}
    reply: dict[str, Any] = {
        "model": ref,
        "second": None,
        "fresh": True,
        "start": True,
        "given": "p",
        "chat": False,
        "before": "",
    }
    reply |= {"notices": [], "parts": [{**PART, **part}]}
    return {"id": id, "parent": parent, "replaced": 0, "prompt": "p", "shared": False, "check": [], "reply": reply}


def log(*turns: dict[str, Any], here: int, **more: Any) -> dict[str, Any]:
    rest: dict[str, Any] = {"version": 1, "id": "a", "changed": 0, "undone": [], "controls": {}}
    return {**rest, "held": {"model": "m", "cells": []}, "turns": list(turns), "here": here, **more}


@pytest.fixture(scope="module")
def drawn(web_page: Page) -> Page:
    web_page.evaluate(DRAW)
    web_page.evaluate(PUT, {"site": SITE, "isStarted": True, "downloaded": 1})
    return web_page


def put(page: Page, **values: Any) -> None:
    empty = {"log": log(here=0), "message": None, "shareBox": None, "refusal": None, "isWriting": False}
    page.evaluate(PUT, {**empty, **{name.replace("__", "."): value for name, value in values.items()}})


def test_an_empty_page_and_one_with_a_conversation(drawn: Page) -> None:
    put(drawn)
    expect(drawn).to_have_title("A title")
    expect(drawn.get_by_role("button", name="ROMEO:")).to_be_enabled()
    expect(drawn.get_by_role("button", name="Continue")).to_have_count(0)
    put(drawn, log=log(turn(1, 0), here=1), isOpen__moves=True)
    expect(drawn.locator("article.turn .text")).to_have_text("pabc")
    expect(drawn.locator(".moves .footer")).to_have_text("3 characters · length reached · temperature 0.5 · seed 7")
    for name in ("Continue", "Try again", "Share", "Undo", "New conversation", "Send"):
        expect(drawn.get_by_role("button", name=name, exact=True)).to_be_enabled()
    for name in ("Redo", "Stop"):
        expect(drawn.get_by_role("button", name=name, exact=True)).to_have_count(0)


def test_a_reply_that_is_written_and_one_that_waits(drawn: Page) -> None:
    put(drawn, log=log(turn(1, 0, text="ab", end=None), here=1), isWriting=True, waits=[{"id": "status.reconnecting"}])
    expect(drawn.get_by_role("button", name="Stop")).to_be_enabled()
    for name in ("Send", "Continue", "Undo"):
        expect(drawn.get_by_role("button", name=name, exact=True)).to_have_count(0)
    expect(drawn.locator("article .status")).not_to_be_empty()
    drawn.evaluate(PUT, {"waits": []})
    expect(drawn.locator("article .status")).to_have_count(0)
