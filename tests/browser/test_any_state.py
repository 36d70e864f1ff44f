"""What is on the screen follows from the state alone: a test puts a state in, and no engine and no click is needed."""

from __future__ import annotations

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


def test_versions_clamped_cells_and_undone_turns(drawn: Page) -> None:
    held = {"model": "m", "cells": [[0, 3, 4]]}
    put(drawn, log=log(turn(1, 0), turn(2, 0), here=2, held=held, undone=[1]), isOpen__moves=True)
    expect(drawn.get_by_role("group", name="Version 2 of 2")).to_be_visible()
    expect(drawn.locator(".held-cells li")).to_have_count(1)
    expect(drawn.get_by_role("button", name="Redo")).to_be_enabled()


def test_a_refusal_a_message_and_a_link(drawn: Page) -> None:
    address = "https://example.org/?prompt=p"
    box = {"address": address, "note": "Copied."}
    put(drawn, refusal={"id": "refusal.no_reply"}, message={"id": "history.kept"}, shareBox=box)
    expect(drawn.locator(".refusal")).not_to_be_empty()
    expect(drawn.locator("#message")).to_contain_text("Earlier conversations")
    expect(drawn.get_by_role("textbox", name="Link to this text")).to_have_value(address)
    expect(drawn.get_by_role("button", name="Save as picture")).to_be_visible()


def test_a_stored_conversation_runs_no_markup(drawn: Page) -> None:
    """Invalid ones are refused: see tests/unit/web/conversation/log.test.js."""
    markup = "<img src=x onerror='window.harmed = 1'>"
    hostile = {**turn(1, 0, text=markup), "prompt": markup}
    hostile["reply"]["given"] = markup
    listed = {"id": "b", "changed": 0, "text": markup}
    put(drawn, earlier__isOpen=True)  # which lists what is stored: nothing
    put(drawn, log=log(hostile, here=1), earlier__ids=["b"], earlier__stored=[listed])
    expect(drawn.locator("article.turn .prompt")).to_have_text(markup)
    expect(drawn.locator("article.turn .reply")).to_have_text(markup)
    expect(drawn.locator("#history .open")).to_contain_text(markup)
    assert drawn.locator(".log img, #history img").count() == 0
    assert not drawn.evaluate("window.harmed")
    put(drawn, earlier__ids=[], earlier__isOpen=False)


def test_settings_and_models(drawn: Page) -> None:
    put(drawn, chosen__model="other", typed__temperature="9", chosen__second="blended m")
    put(drawn, isOpen__settings=True, isOpen__more=True)
    expect(drawn.get_by_role("combobox", name="Model", exact=True)).to_have_value("other")
    expect(drawn.get_by_role("combobox", name="Second model")).to_have_value("blended m")
    expect(drawn.get_by_role("spinbutton", name="Temperature")).to_have_value("9")
    expect(drawn.locator("[data-setting=share]")).to_be_visible()


def test_a_setting_that_is_not_allowed_is_marked_once_it_is_typed(drawn: Page) -> None:
    put(drawn, isOpen__settings=True, isOpen__more=True)
    for name, wrong, rule in (
        ("Temperature", "99", "Temperature is 99: it must be a number from 0 to 5"),
        ("Seed", "-5", "Seed is -5: it must be a whole number from 0 to 4,294,967,295"),
        ("Temperature", "", "Temperature is empty: enter a number from 0 to 5"),
        ("Speed", "0", "Speed is 0: it must be a number from 5 to 200"),
        ("Length", "1e+99", "Length is 1e+99: it must be a whole number from 1 to 10,000"),
        (
            "Seed",
            "123456789" * 5,
            f"Seed is '{'123456789' * 4}1234 …': it must be a whole number from 0 to 4,294,967,295",
        ),
    ):
        field = drawn.get_by_role("spinbutton", name=name)
        field.fill(wrong)
        field.blur()
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(drawn.locator("#settings").get_by_role("alert")).to_have_text(rule)
        expect(field).to_have_value(wrong)
        field.fill("5")
        expect(field).not_to_have_attribute("aria-invalid", "true")
        expect(drawn.locator("#settings").get_by_role("alert")).to_have_count(0)


def test_a_page_whose_owner_has_turned_the_lenses_off(drawn: Page) -> None:
    """Nothing is asked about a text either: tests/unit/web/engines/server.test.js."""
    put(drawn, log=log(turn(1, 0), here=1), site={**SITE, "lenses": False})
    expect(drawn.locator("article i")).to_have_count(0)
    drawn.get_by_role("button", name="Look inside").click()
    expect(drawn.get_by_role("button", name="Calm, normal, wild")).to_be_visible()
    expect(drawn.locator("#inside :is(input, .tour)").locator("visible=true")).to_have_count(0)
    drawn.keyboard.press("Escape")
    put(drawn, site=SITE)
