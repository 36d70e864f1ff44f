"""Demonstrations and tour on the app's page, which all tests share; test_every_view.py has them on the static page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from model import CharLSTM, generate
from model.named_cells import Cell
from tests.browser.driving import (
    QUIET,
    WIDE,
    button,
    choose,
    fast,
    footer,
    log,
    open_page,
    reply,
    send,
    setting,
    settled,
    turns,
    window,
)
from tests.browser.looking import choose_lens
from tests.support.app_server import App, random_model, serving
from tests.support.tiny_models import tiny_model

PROMPT = "ROMEO:"
COUNTER = Cell(1, 3, "place in the line", "r", -0.8, 0.0, 0.2)  # falls along the line: it is held low
HELD = (COUNTER.layer, COUNTER.index, -4.0)
# The texts of each demonstration: their length, and how each is written.
TEXTS: dict[str, tuple[int, list[dict[str, Any]]]] = {
    "Make its lines short": (400, [{"seed": 7}, {"seed": 7, "clamps": [HELD]}]),
    "Calm, normal, wild": (260, [{"seed": 7, "temperature": value} for value in (0.3, 0.8, 1.5)]),
    "Same seed, same text": (260, [{"seed": 7}, {"seed": 7}, {"seed": 8}]),
}
STEPS = ["A character is drawn", "Temperature", "Memory", "A gate", "A named cell", "The same seed"]
LENSES = ["One letter at a time", "How surprised?", *["What it remembers"] * 3, "Text"]


def learned_model() -> CharLSTM:
    """Return a model with a cell that counts the line and with samples of its training."""
    common = {"prompt": "", "temperature": 0.7, "seed": 1}
    samples: Any = tuple({**common, "step": step, "text": f"<b>{step}</b>\ntext"} for step in range(0, 3_000, 100))
    lm = replace(tiny_model(hidden=12), cells=(COUNTER,), samples=samples)
    return replace(lm, training={**lm.training, "examples": [PROMPT]})


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    with serving({"learned": learned_model(), "plain": random_model()}) as app:
        yield app


@pytest.fixture(scope="module")
def page(app: App, browser: Browser) -> Iterator[Page]:
    """The app's page, wide and light; without motion, so that texts are written at full speed."""
    context = browser.new_context(**window(WIDE), **QUIET)
    page, complaints = open_page(context, app)
    yield page
    assert not complaints
    context.close()


@pytest.fixture(autouse=True)
def _leave(page: Page) -> Iterator[None]:
    """Show an empty conversation again."""
    yield
    for name in ("Back to the conversation", "Close"):
        if button(page, name).is_visible():
            button(page, name).click()
    if button(page, "Clear").is_visible() and button(page, "Clear").is_enabled():
        button(page, "Clear").click()


def stage(page: Page) -> Locator:
    return page.locator("#stage")


def show(page: Page, name: str) -> list[str]:
    """Press the button of a demonstration; returns its texts once it has a result."""
    button(page, name).click()
    expect(page.get_by_role("heading", name=name)).to_be_focused()
    expect(stage(page).locator(".result.done")).to_be_visible()
    return stage(page).locator(".text").all_text_contents()


@pytest.mark.parametrize("name", TEXTS)
def test_a_demonstration_writes_the_same_texts_as_python(app: App, page: Page, name: str) -> None:
    lm, (length, ways) = app.served("learned").lm.models[0], TEXTS[name]
    texts = show(page, name)
    assert texts == [PROMPT + generate(lm, PROMPT, length, **way) for way in ways]
    expect(stage(page).locator(".measure")).to_have_count(2 * (name == "Make its lines short"))
    expect(stage(page).locator("i[class*=b]")).to_have_count(3 * length * (name == "Calm, normal, wild"))
    button(page, "Again, with another seed").click()
    expect(stage(page).locator(".text").first).not_to_have_text(texts[0], use_inner_text=False)
    expect(stage(page).locator(".result.done")).to_be_visible()


def test_watch_it_learn_shows_the_samples_of_the_training(page: Page) -> None:
    button(page, "Watch it learn").click()
    text = stage(page).locator(".text")
    expect(text).to_have_text("<b>0</b>\ntext")
    expect(stage(page).locator(".now")).to_have_text("before the first step: random weights")
    stage(page).get_by_role("slider", name="Training step").press("End")
    expect(text).to_have_text("<b>2900</b>\ntext")
    expect(stage(page).locator(".now")).to_have_text("after step 2,900 of 2,900")
    expect(stage(page).get_by_role("status")).to_contain_text("In 2,900 steps a new network went from random")
    with page.expect_popup() as popup:
        stage(page).get_by_role("link", name="Train on your text").click()
    assert popup.value.url.endswith("index.html#train-alone")
    popup.value.close()
    button(page, "Play").click()
    expect(text).not_to_have_text("<b>2900</b>\ntext")
    button(page, "Pause").click()


def test_a_demonstration_leaves_the_conversation_and_the_settings_alone(page: Page) -> None:
    fast(page, 30)
    send(page, "First")
    before = reply(page)
    page.get_by_role("textbox", name="Prompt").fill("a draft")
    setting(page, "Temperature", 1.5)
    show(page, "Same seed, same text")
    expect(log(page)).not_to_be_visible()
    chosen = page.get_by_role("group", name="Demonstrations").get_by_role("button", pressed=True)
    expect(chosen).to_have_text("Same seed, same text")
    for move in ("Continue", "Undo", "Clear", "Copy"):
        expect(button(page, move)).to_be_disabled()
    page.keyboard.press("Escape")
    expect(button(page, "Clear")).to_be_enabled()
    expect(chosen).to_have_count(0)
    expect(button(page, "Same seed, same text")).to_be_focused()
    expect(turns(page).locator(".reply")).to_have_text([before], use_inner_text=False)
    expect(page.get_by_role("textbox", name="Prompt")).to_have_value("a draft")
    expect(page.get_by_role("spinbutton", name="Temperature")).to_have_value("1.5")
    show(page, "Calm, normal, wild")
    page.get_by_role("textbox", name="Prompt").fill("more")
    page.keyboard.press("Enter")
    expect(stage(page)).not_to_be_visible()
    expect(turns(page)).to_have_count(2)
    settled(page)


def test_try_it_yourself_sets_the_control_and_says_what_to_do_without_a_tour(page: Page) -> None:
    fast(page, 30)
    setting(page, "Temperature", 0.8)
    for name, message in (
        ("Make its lines short", "Cell 3 is now held low: press Send, and the lines become short."),
        ("Same seed, same text", "The seed is now 7: press Send, then Retry, and the same text comes again."),
    ):
        show(page, name)
        button(page, "Try it yourself").click()
        expect(stage(page)).not_to_be_visible()
        expect(page.locator("#message")).to_have_text(message)
        expect(page.get_by_role("textbox", name="Prompt")).to_have_value(PROMPT)
    page.keyboard.press("Enter")
    settled(page)
    expect(footer(page)).to_contain_text("seed 7")
    setting(page, "Seed", "")


def test_a_demonstration_is_offered_only_by_a_model_that_has_it(page: Page) -> None:
    choose(page, "plain")
    expect(button(page, "Make its lines short")).not_to_be_visible()
    expect(button(page, "Watch it learn")).not_to_be_visible()
    expect(button(page, "Calm, normal, wild")).to_be_enabled()
    choose(page, "learned")
    expect(button(page, "Watch it learn")).to_be_enabled()


def test_each_step_of_the_tour_has_a_link_and_a_lens_and_goes_on_by_keyboard(app: App, page: Page) -> None:
    linked = page.context.new_page()
    linked.goto(f"{app.url}#tour-3")
    expect(linked.get_by_role("heading", name=STEPS[2])).to_be_focused()
    linked.close()
    page.bring_to_front()
    fast(page, 20)
    page.get_by_role("textbox", name="Prompt").fill("a draft")
    button(page, "Take the tour").press("Enter")
    for number, (name, lens) in enumerate(zip(STEPS, LENSES, strict=True), 1):
        expect(page.get_by_role("heading", name=name)).to_be_focused()
        expect(page.locator("#tour .count")).to_have_text(f"Step {number} of 6")
        expect(page.get_by_role("radio", name=lens, exact=True)).to_be_checked()
        expect(page).to_have_url(re.compile(f"#tour-{number}$"))
        expect(turns(page)).to_have_count(int(number >= 5))  # until then, the welcome text is enough
        button(page, "Next" if number < 6 else "Finish").press("Enter")
    expect(button(page, "Take the tour")).to_be_focused()
    expect(page.get_by_role("radio", name="Text", exact=True)).to_be_checked()
    expect(page.get_by_role("textbox", name="Prompt")).to_have_value("a draft")
    assert "#" not in page.url
    settled(page)
    page.get_by_role("textbox", name="Prompt").fill("")


def test_the_buttons_of_the_tour_use_the_real_controls_and_its_end_puts_the_settings_back(page: Page) -> None:
    fast(page, 20)
    setting(page, "Temperature", 0.5)
    send(page, "mine")
    choose_lens(page, "How surprised?")
    tour, temperature = page.locator("#tour"), page.get_by_role("spinbutton", name="Temperature")
    button(page, "Take the tour").click()
    tour.get_by_role("button", name="One letter").click()
    expect(footer(page)).to_contain_text("21 characters")
    button(page, "Next").click()
    tour.get_by_role("button", name="Temperature 0.2").click()
    expect(temperature).to_have_value("0.2")
    setting(page, "Temperature", 1.5)
    expect(tour.locator("[aria-pressed=true]")).to_have_text("Temperature 1.5")
    button(page, "Next").click()
    expect(temperature).to_have_value("0.5")
    focused = page.locator(".log i.focus")
    expect(focused).to_have_count(1)
    before = focused.element_handle()
    button(page, "Previous character").click()
    page.wait_for_function("(before) => !before.matches('.focus')", arg=before)
    button(page, "Next character").click()
    page.wait_for_function("(before) => before.matches('.focus')", arg=before)
    page.evaluate("location.hash = 'tour-5'")
    expect(page.get_by_role("spinbutton", name="Cell (from 0)")).to_have_value(str(COUNTER.index))
    button(page, "Hold it and write again").click()
    expect(footer(page)).to_contain_text("cell 3 (layer 1) held low")
    expect(page.locator(".compared")).to_be_visible()
    button(page, "Free it and write again").click()
    expect(footer(page)).not_to_contain_text("held low")
    button(page, "Hold it and write again").click()
    expect(footer(page)).to_contain_text("held low")
    button(page, "Next").click()
    button(page, "Write it again").click()
    expect(tour.get_by_role("status")).to_have_text("The same text again, character for character.")
    button(page, "With another seed").click()
    expect(tour.get_by_role("status")).to_have_text("Another text.")
    button(page, "Close").click()
    expect(page.locator(".held-cells")).to_have_count(0)
    expect(temperature).to_have_value("0.5")
    expect(page.get_by_role("spinbutton", name="Seed", exact=True)).to_have_value("")
    expect(page.get_by_role("radio", name="How surprised?")).to_be_checked()
    choose_lens(page, "Text")
    setting(page, "Temperature", 0.8)


def test_escape_closes_one_thing(page: Page) -> None:
    setting(page, "Speed", 5)
    button(page, "Take the tour").click()
    expect(page.get_by_role("radio", name=LENSES[0])).to_be_checked()
    send(page, "long", wait=False)
    page.keyboard.press("Escape")  # the reply
    settled(page)
    button(page, "Share").click()
    expect(page.locator("#share-link")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#share-link")).to_have_count(0)
    expect(page.locator("#tour")).to_be_visible()
    page.evaluate("document.activeElement.blur()")  # as after a click beside all controls
    page.keyboard.press("Escape")
    expect(page.locator("#tour")).to_be_hidden()


def test_back_closes_what_was_opened_last_and_stays_on_the_page(page: Page) -> None:
    setting(page, "Speed", 200)
    send(page, PROMPT)
    address = page.url
    written = log(page).inner_text()
    button(page, "Calm, normal, wild").click()
    expect(page.locator("#stage")).to_be_visible()
    page.go_back()
    expect(page.locator("#stage")).to_be_hidden()
    button(page, "Take the tour").click()
    expect(page.locator("#tour")).to_be_visible()
    button(page, "Share").click()
    expect(page.locator("#share-link")).to_be_visible()
    page.go_back()
    expect(page.locator("#share-link")).to_have_count(0)
    expect(page.locator("#tour")).to_be_visible()
    page.evaluate("location.hash = 'tour-2'")
    expect(page.locator("#tour-title")).to_have_text(STEPS[1])
    page.go_back()
    expect(page.locator("#tour")).to_be_hidden()
    button(page, "Same seed, same text").click()
    button(page, "Back to the conversation").click()  # leaves no entry behind
    expect(page.locator("#stage")).to_be_hidden()
    assert page.url == address
    page.reload()
    expect(log(page)).to_have_text(written, use_inner_text=True)
