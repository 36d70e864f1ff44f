"""The step lens in a real browser, on wide light and narrow dark displays."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from model import generate
from tests.browser.axe import violations
from tests.browser.driving import button, continued, fast, log, reply, send, setting, turns
from tests.browser.looking import choose_lens
from tests.support.app_server import App, random_model, serving

PROMPT = "ROMEO:\nü"


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    with serving({"random": random_model()}) as app:
        yield app


def name_of(char: str) -> str:
    return {"\n": "line end", " ": "space", "\t": "tab"}.get(char, char)


def test_each_press_writes_the_next_character_of_the_seed_and_draws_its_computation(page: Page, app: App) -> None:
    text = generate(app.served("random").lm, PROMPT, 40, temperature=0.8, seed=7, unknown="skip")
    fast(page, 5)
    setting(page, "Seed", 7)
    send(page, PROMPT)
    assert reply(page) == text[:5]
    expect(page.get_by_role("textbox", name="Prompt")).to_have_value("")
    choose_lens(page, "One letter at a time")
    sentence = page.locator(".wrote")
    expect(sentence).to_contain_text(f"It read “{name_of(text[3])}” and drew “{name_of(text[4])}”: ")
    button(page, "One letter").focus()
    for at, key in ((5, "Enter"), (6, "Space"), (7, "Enter")):
        page.keyboard.press(key)
        expect(sentence).to_contain_text(f"It read “{name_of(text[at - 1])}” and drew “{name_of(text[at])}”: ")
        assert reply(page) == text[: at + 1]
    expect(button(page, "One letter")).to_be_focused()
    stages = page.get_by_role("list", name="How the character came to be").locator("> li")
    expect(stages).to_have_count(5)
    boxes = page.get_by_role("img", name=re.compile(r"^Cell 0 of layer \d: forget gate f"))
    expect(boxes).to_have_count(2)
    page.get_by_role("spinbutton", name="Show cell").fill("9")
    page.keyboard.press("Tab")
    expect(page.get_by_role("img", name=re.compile("^Cell 9 of layer 1: forget gate f"))).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("^Number 7 of seed 7 is 0[.]"))).to_be_visible()
    expect(page.get_by_role("list", name="The likeliest characters").get_by_role("listitem")).to_have_count(8)
    assert violations(page) == []
    log(page).focus()
    page.keyboard.press("ArrowLeft")
    expect(sentence).to_contain_text(f"and drew “{name_of(text[6])}”")
    page.keyboard.press("Home")
    expect(page.locator(".wrote")).to_contain_text("is where the text begins")
    page.get_by_role("spinbutton", name="Length").fill("32")
    page.keyboard.press("Tab")
    continued(page, 40)
    assert reply(page) == text
    assert turns(page).count() == 1
