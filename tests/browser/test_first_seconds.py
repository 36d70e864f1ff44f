"""What a visitor can do before the weights or Gradio's scripts have arrived, and what stays in its place."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from model import CharLSTM, generate
from model.checkpoint.record import stored_welcome
from model.settings import WELCOME_LENGTH
from tests.browser.driving import (
    DISPLAYS,
    TIMEOUT_MS,
    Display,
    boxes_of,
    button,
    fast,
    log,
    reply,
    send,
    settled,
    turns,
)
from tests.browser.test_static_loading import delay, let_go
from tests.support.app_server import random_model
from tests.support.both_pages import Site
from tests.support.chromium import serve
from training.hub.space_files import write_static

# The place and size of each control that a visitor may be about to press.
BOXES = """() => [...document.querySelectorAll(
    "#demonstrations :is(button, a), .pane[data-side='0'] .lenses label, #moves > button, #ask > *, #examples button",
)].filter((node) => node.checkVisibility()).map((node) => {
    const { x, y, width, height, bottom } = node.getBoundingClientRect();
    const isInWindow = Number(y >= 0 && bottom <= innerHeight); // the prompt stays there, whatever is scrolled
    return [node.textContent, x + scrollX, node.closest("#ask") ? isInWindow : y + scrollY, width, height];
})"""
# Layout shifts that a visitor sees, of more than a line of text.
SHIFTS = """window.shifts = [];
new PerformanceObserver((list) => {
  shifts.push(...list.getEntries().map((each) => each.value).filter((each) => each > 0.05));
}).observe({ type: "layout-shift", buffered: true });"""
LENSES = ("How surprised?", "What it remembers", "One letter at a time", "Text")


def test_the_static_page_shows_its_greeting_and_keeps_a_prompt_before_the_weights(
    browser: Browser, tmp_path: Path
) -> None:
    lm = replace(random_model(hidden_size=32), training={"corpus": "The sea"})
    write_static(tmp_path, lm)
    stored = CharLSTM.from_pretrained(tmp_path).training
    text, seed = stored_welcome(stored)
    assert text
    assert generate(lm, "", WELCOME_LENGTH, seed=seed).startswith(text)
    context = browser.new_context(service_workers="block", locale="en-US", reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(TIMEOUT_MS)
    held: list[Route] = delay(page, "**/model.safetensors")
    with serve(tmp_path) as url:
        page.goto(url)
        expect(page.locator(".welcome .reply")).to_have_text(text, use_inner_text=False)
        expect(page.locator("#intro p")).to_contain_text("has read only one text: The sea. Start a line and it")
        fast(page)
        page.get_by_role("spinbutton", name="Seed", exact=True).fill("5")
        send(page, "", wait=False)
        expect(page.get_by_role("progressbar")).to_be_visible()
        assert reply(page) == ""
        let_go(page, held)
        settled(page)
        assert reply(page) == generate(lm, "", 500, seed=5)
        button(page, "Undo").click()
        expect(page.locator(".welcome i[class*=b]").nth(len(text) // 2)).to_be_visible()
    context.close()


def test_a_model_without_a_stored_greeting_writes_one_once_its_weights_are_here(
    browser: Browser, tmp_path: Path
) -> None:
    lm = random_model(hidden_size=32)
    write_static(tmp_path, lm)
    text, _ = stored_welcome(CharLSTM.from_pretrained(tmp_path).training)
    lm.save_pretrained(tmp_path)
    assert "welcome" not in json.loads((tmp_path / "config.json").read_text())["training"]
    page = browser.new_page(locale="en-US", service_workers="block", reduced_motion="reduce")
    page.set_default_timeout(TIMEOUT_MS)
    held = delay(page, "**/model.safetensors")
    with serve(tmp_path) as url:
        page.goto(url)
        expect(button(page, "Send")).to_be_enabled()
        let_go(page, held)
        expect(page.locator(".welcome .reply")).to_have_text(text, use_inner_text=False)
    page.context.close()


def test_weights_that_cannot_be_fetched_are_reported_and_the_prompt_is_kept(browser: Browser, tmp_path: Path) -> None:
    write_static(tmp_path, random_model(hidden_size=32))
    page = browser.new_page(locale="en-US", service_workers="block")
    page.set_default_timeout(TIMEOUT_MS)
    held = delay(page, "**/model.safetensors")
    with serve(tmp_path) as url:
        page.goto(url)
        send(page, "hello", wait=False)
        while not held:
            page.wait_for_timeout(20)
        page.route("**/model.safetensors", lambda route: route.abort())  # the page may try again at once
        held[0].abort()
        expect(log(page).locator(".refusal")).to_contain_text("could not be fetched")
        expect(page.get_by_role("textbox", name="Prompt")).to_have_value("hello")
        expect(page.locator("#notices")).to_contain_text("could not be fetched")
    page.context.close()


def test_enter_before_the_scripts_have_run_sends_the_prompt(both: Site) -> None:
    context = both.new_context(locale="en-US", service_workers="block")
    page = context.new_page()
    page.set_default_timeout(TIMEOUT_MS)
    held = delay(page, "**/app.js" if both.kind == "app" else "**/static.js")
    page.goto(both.app.url, wait_until="commit")
    prompt = page.locator("#prompt")
    expect(page.locator(".welcome .reply[data-began]")).to_have_count(1)
    prompt.fill("ROMEO:")
    prompt.press("Enter")
    prompt.press("Enter")
    expect(prompt).to_have_value("ROMEO:")
    let_go(page, held)
    expect(turns(page)).to_have_count(1)
    expect(log(page).locator(".prompt")).to_have_text("ROMEO:")
    expect(prompt).to_have_value("")
    context.close()


def test_the_app_answers_before_gradio_has_started_and_keeps_its_place_afterwards(sites: dict[str, Site]) -> None:
    site = sites["app"]
    context = site.new_context(locale="en-US")
    page = context.new_page()
    page.set_default_timeout(TIMEOUT_MS)
    held: list[Route] = []
    page.route("**/assets/*.js", lambda route: held.append(route))
    page.add_init_script(SHIFTS)
    page.goto(site.app.url, wait_until="commit")
    expect(button(page, "Send")).to_be_enabled()
    fast(page)
    send(page, "")
    written = reply(page)
    assert written
    prompt = page.get_by_role("textbox", name="Prompt")
    prompt.fill("typed before")
    before = boxes(page)
    assert page.locator("#early").count() == 1
    opacity = "getComputedStyle(document.querySelector('gradio-app')).opacity"
    assert page.evaluate(opacity) == "0"  # its "Loading…" lies over the page
    underlined = "(each) => getComputedStyle(each).textDecorationLine"
    assert page.locator("#demonstrations .train").evaluate(underlined) == "underline"
    while page.locator("#early").count():
        while held:
            held.pop().continue_()
        page.wait_for_timeout(50)
    assert_unmoved(boxes(page), before)
    assert page.locator("#demonstrations .train").evaluate(underlined) == "underline"
    assert page.evaluate("shifts") == []
    assert page.evaluate(opacity) == "1"
    assert reply(page) == written
    expect(prompt).to_have_value("typed before")
    expect(prompt).to_be_focused()
    context.close()
    site.leave()


def test_the_page_stays_at_its_top_when_it_moves_into_gradio_with_the_focus(sites: dict[str, Site]) -> None:
    """In a small window the prompt, which has the focus, is below the fold."""
    context = sites["app"].new_context(viewport={"width": 320, "height": 256}, locale="en-US")
    page = context.new_page()
    page.set_default_timeout(TIMEOUT_MS)
    page.goto(sites["app"].app.url)
    expect(page.locator("#early")).to_have_count(0)
    expect(page.get_by_role("textbox", name="Prompt")).to_be_focused()
    page.evaluate("new Promise((done) => setTimeout(done, 300))")  # frames, in which a browser scrolls
    assert page.evaluate("scrollY") == 0
    context.close()
    sites["app"].leave()


@pytest.mark.parametrize(("width", "query", "shown"), [(1280, "", 1), (390, "", 0), (390, "?top_k=5", 2)])
def test_settings_are_collapsed_as_long_as_they_have_their_defaults(
    both: Site, width: int, query: str, shown: int
) -> None:
    context = both.new_context(viewport={"width": width, "height": 844}, locale="en-US")
    page = context.new_page()
    page.goto(both.app.url + query)
    expect(button(page, "Send")).to_be_enabled()
    expect(page.get_by_role("slider", name="Temperature")).to_be_visible(visible=shown > 0)
    for name in ("Top-k", "Top-p", "Min-p"):
        expect(page.get_by_role("slider", name=name)).to_be_visible(visible=shown > 1)
    expect(page.get_by_role("combobox", name="Second model")).to_be_visible(visible=shown > 1)
    if shown == 1:
        page.get_by_text("More settings").press("Enter")
        expect(page.get_by_role("spinbutton", name="Seed", exact=True)).to_be_visible()
    context.close()


@pytest.mark.parametrize("display", DISPLAYS, ids=["wide", "narrow"])
def test_no_control_moves_while_lenses_demonstrations_and_replies_come_and_go(both: Site, display: Display) -> None:
    width, height, scheme = display
    context = both.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, locale="en-US")
    page = both.open(context=context)
    before = boxes(page)
    above = 1 + next(at for at, box in enumerate(before) if box[0] == "One letter at a time")
    for name in LENSES:
        page.locator(".pane").first.get_by_text(name, exact=True).click()
        panel, prompt = page.locator(".panel").first, page.get_by_role("textbox", name="Prompt")
        expect(panel).to_be_visible(visible=name != "Text")
        assert_unmoved(boxes(page)[:above], before[:above], name)
        if name == "Text":
            assert_unmoved(boxes(page), before, name)
            continue
        assert panel.evaluate("(each) => each.scrollHeight <= each.clientHeight"), f"{name}: the panel shows all it has"
        page.evaluate("scrollBy(0, 150)")
        for stays in (prompt, log(page)):
            expect(stays).to_be_in_viewport(ratio=1)
        page.evaluate("scrollTo(0, 0)")
    button(page, "Calm, normal, wild").click()
    expect(page.get_by_role("heading", name="Calm, normal, wild")).to_be_visible()
    opened = boxes(page)
    expected = opened if width < 768 else [box for box in before if box[0] not in LENSES]  # a phone's stage is higher
    expect(page.locator("#stage .result.done")).to_be_visible()
    assert_unmoved(boxes(page), expected, "a demonstration")
    assert page.locator("#stage").evaluate("(each) => each.scrollHeight <= each.clientHeight")
    page.keyboard.press("Escape")
    fast(page)
    send(page, "")
    arrived, before = before, boxes(page)
    assert_unmoved(before[:above], arrived[:above], "a reply")
    actions = before.index(next(box for box in before if box[0] == "Copy")) + 1
    assert_unmoved(before[actions : actions + 3], arrived[-3:], "a reply")  # the prompt and its buttons
    if width > 768:
        assert before[above][1][1] == pytest.approx(arrived[above][1][1], abs=0.99)  # the row of the example prompts
    button(page, "Retry").click()
    settled(page)
    expect(page.get_by_role("group", name="Versions")).to_be_visible()
    assert_unmoved(boxes(page), before, "versions")
    page.evaluate("scrollTo(0, 0)")
    for name, shown in (("Share", "#share-link"), ("Clear", "#message")):
        button(page, name).evaluate("(each) => each.click()")  # Playwright's click may scroll the page
        expect(page.locator(shown)).not_to_be_empty()
        assert_unmoved(boxes(page), before, name)
        assert page.evaluate("scrollY") == 0
    button(page, "Undo").click()
    page.get_by_role("textbox", name="Prompt").fill("word " * 60)
    boxes(page)
    row, field, send_button = boxes_of(*(page.locator(each) for each in ("#moves", "#prompt", "[data-move=send]")))
    assert field["height"] > 100
    assert send_button["height"] == 44
    assert row["y"] + row["height"] <= field["y"]
    context.close()


Box = tuple[str, list[float]]


def boxes(page: Page) -> list[Box]:
    """Returns the name of each control that is seen, and its x, y, width and height in the document."""
    page.wait_for_function("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return [(name, place) for name, *place in page.evaluate(BOXES)]


def assert_unmoved(boxes: Sequence[Box], before: Sequence[Box], after: str = "") -> None:
    """Asserts that the controls are where they were; less than a pixel is the layout's rounding."""
    assert [name for name, _ in boxes] == [name for name, _ in before], after
    for (name, place), (_, expected) in zip(boxes, before, strict=True):
        assert place == pytest.approx(expected, abs=0.99), (name, after)
