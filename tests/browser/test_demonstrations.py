"""Demonstrations and tour on the app's page, which all tests share; test_every_view.py has them on the static page."""

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
    from_menu,
    log,
    open_page,
    open_settings,
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
COUNTER = Cell(1, 3, "place in the line", "r", -0.8, 0.0, 0.2)  # falls along the line
HELD = (COUNTER.layer, COUNTER.index, -4.0)
# The texts of each demonstration: their length, and how each is written.
TEXTS: dict[str, tuple[int, list[dict[str, Any]]]] = {
    "Make its lines short": (400, [{"seed": 2}, {"seed": 2, "clamps": [HELD]}]),
    "Calm, normal, wild": (260, [{"seed": 2, "temperature": value} for value in (0.3, 0.8, 1.5)]),
}
STEPS = ["A letter is drawn", "Memory", "A named cell"]
LENSES = ["step", "memory", "memory"]
# What the texts of the steps are about.
ABOUT = [".panel .stages > :nth-last-child(2)", ".panel .which", ".panel .hold"]


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
    yield
    for name in ("Back to the conversation", "Close", "Keep the new one"):
        if button(page, name).is_visible():
            button(page, name).click()
    if turns(page).count():
        button(page, "New conversation").click()
        expect(turns(page)).to_have_count(0)


def stage(page: Page) -> Locator:
    return page.locator("#stage")


def show(page: Page, name: str) -> list[str]:
    """Choose a demonstration in the menu; returns its texts once it has a result."""
    from_menu(page, name)
    expect(page.get_by_role("heading", name=name)).to_be_focused()
    expect(stage(page).locator(".result.done")).to_be_visible()
    return stage(page).locator(".text").all_text_contents()


@pytest.mark.parametrize("name", TEXTS)
def test_a_demonstration_writes_the_same_texts_as_python(app: App, page: Page, name: str) -> None:
    lm, (length, ways) = app.served("learned").lm.models[0], TEXTS[name]
    texts = show(page, name)
    assert texts == [PROMPT + generate(lm, PROMPT, length, **way) + "…" for way in ways]
    expect(stage(page).locator(".measure")).to_have_count(2 * (name == "Make its lines short"))
    expect(stage(page).locator("i[class*=b]")).to_have_count(3 * length * (name == "Calm, normal, wild"))
    button(page, "Again").click()
    expect(stage(page).locator(".text").first).not_to_have_text(texts[0], use_inner_text=False)
    expect(stage(page).locator(".result.done")).to_be_visible()


def test_watch_it_learn_shows_the_samples_of_the_training(page: Page) -> None:
    fast(page, 200)
    setting(page, "Speed", 100)
    send(page, PROMPT, wait=False)
    from_menu(page, "Watch it learn")
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
    button(page, "Back to the conversation").click()
    settled(page)
    assert len(reply(page)) >= 200  # it went on meanwhile


def test_on_a_phone_a_demonstration_shows_one_text_at_a_time(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 640})
    show(page, "Make its lines short")
    texts = stage(page).locator(".text")
    for shown, name in enumerate(("Cell free", "Cell held high")):
        button(page, name).click()
        expect(button(page, name)).to_have_attribute("aria-pressed", "true")
        expect(texts.nth(shown)).to_be_visible()
        expect(texts.nth(1 - shown)).to_be_hidden()
    text, actions = texts.last.bounding_box(), stage(page).locator(".actions").bounding_box()
    assert text is not None
    assert actions is not None
    assert text["y"] + text["height"] <= actions["y"]
    page.set_viewport_size(window(WIDE)["viewport"])


def test_try_it_sets_the_control_and_says_what_to_do_without_a_tour(page: Page) -> None:
    fast(page, 30)
    setting(page, "Temperature", 0.8)
    for name, message in (
        ("Make its lines short", "That cell is now held high: press Send, and the lines become short."),
        ("Calm, normal, wild", "The temperature is now 1.5: press Send, and the text becomes wild."),
    ):
        show(page, name)
        button(page, "Try it with your own words").click()
        expect(stage(page)).not_to_be_visible()
        expect(page.locator("#message")).to_have_text(message)
        expect(page.get_by_role("textbox", name="Prompt")).to_have_value(PROMPT)
    page.keyboard.press("Enter")
    settled(page)
    expect(footer(page)).to_contain_text("temperature 1.5")
    expect(footer(page)).to_contain_text("“position in the line” held high")
    setting(page, "Temperature", 0.8)


def test_a_demonstration_is_offered_only_by_a_model_that_has_it(page: Page) -> None:
    for model, is_offered in (("plain", False), ("learned", True)):
        choose(page, model)
        button(page, "Look inside").click()
        expect(button(page, "Calm, normal, wild")).to_be_enabled()
        for name in ("Make its lines short", "Watch it learn"):
            offered = page.locator("#inside").get_by_role("button", name=name)
            expect(offered).to_be_visible(visible=is_offered)
        page.keyboard.press("Escape")


def test_each_step_of_the_tour_has_a_lens_and_goes_on_by_keyboard(page: Page) -> None:
    fast(page, 20)
    page.get_by_role("textbox", name="Prompt").fill("a draft")
    from_menu(page, "Take the tour")
    lens = page.locator(".lenses input:checked")
    for number, (name, value, about) in enumerate(zip(STEPS, LENSES, ABOUT, strict=True), 1):
        expect(page.get_by_role("heading", name=name)).to_be_focused()
        expect(page.locator("#tour .count")).to_have_text(f"Step {number} of 3")
        expect(lens).to_have_value(value)
        expect(turns(page)).to_have_count(0)  # it is about the first text
        expect(page.locator(about)).to_be_in_viewport()
        button(page, "Next step" if number < 3 else "Finish").press("Enter")
    expect(button(page, "Look inside")).to_be_focused()
    expect(lens).to_have_value("plain")
    expect(page.get_by_role("textbox", name="Prompt")).to_have_value("a draft")
    page.get_by_role("textbox", name="Prompt").fill("")


def test_the_buttons_of_the_tour_use_the_real_controls_and_its_end_puts_the_lens_back(page: Page) -> None:
    fast(page, 7)  # too short for a line end, to which the second step would move
    send(page, "mine")
    choose_lens(page, "What it remembers")
    page.get_by_role("textbox", name="Prompt").fill("a draft")
    from_menu(page, "Take the tour")
    expect(page.locator(".wrote")).to_contain_text("it drew")  # some letters of the reply are uncertain, too
    page.locator("#tour").get_by_role("button", name="One letter").click()
    expect(footer(page)).to_contain_text("8 characters")
    expect(page.get_by_role("textbox", name="Prompt")).to_have_value("a draft")
    page.get_by_role("textbox", name="Prompt").fill("")
    button(page, "Next step").click()
    focused = page.locator(".log i.focus")
    expect(focused).to_have_count(1)
    before = focused.element_handle()
    button(page, "Previous letter").click()
    page.wait_for_function("(before) => !before.matches('.focus')", arg=before)
    button(page, "Next letter").click()
    page.wait_for_function("(before) => before.matches('.focus')", arg=before)
    button(page, "Next step").click()
    page.locator("#tour").get_by_role("button", name="Make its lines short").click()
    expect(page.locator("#stage .result.done")).to_be_visible()
    button(page, "Back to the conversation").click()
    expect(page.locator("#tour")).to_be_hidden()
    expect(page.locator(".panel").get_by_role("heading", name="What it remembers")).to_be_visible()
    expect(turns(page)).to_have_count(1)
    choose_lens(page, "Text")


def test_the_tour_shows_one_text(page: Page) -> None:
    fast(page, 20)
    send(page, PROMPT)
    log(page).focus()
    page.keyboard.press("Enter")
    page.get_by_role("dialog").get_by_role("button", name=re.compile("^Go on with")).first.click()
    settled(page)
    expect(page.locator(".compared .other")).to_be_visible()
    choose_lens(page, "One letter at a time")  # the first step keeps it
    from_menu(page, "Take the tour")
    expect(page.locator(".compared")).to_have_count(0)
    button(page, "Close").click()
    expect(page.get_by_role("list", name="The likeliest letters")).to_be_visible()  # the panel is not empty
    choose_lens(page, "Text")


def test_the_tour_goes_on_with_the_text_in_which_no_cell_is_held(page: Page) -> None:
    fast(page, 20)
    send(page, PROMPT)
    settled(page)
    choose_lens(page, "What it remembers")
    hold = page.locator(".panel .hold")
    hold.get_by_text("High", exact=True).click()
    expect(page.locator(".compared .other")).to_be_visible()
    settled(page)
    from_menu(page, "Take the tour")
    expect(page.locator(".compared")).to_have_count(0)
    button(page, "Next step").click()
    expect(page.locator(".panel .subject")).to_contain_text(re.compile("raised|lowered|hardly changed"))
    expect(hold.get_by_role("radio", name="Free")).to_be_checked()
    button(page, "Next step").click()
    expect(page.locator(".panel .subject")).to_have_class(re.compile("hold"))
    button(page, "Finish").click()
    expect(page.locator(".panel .subject")).to_have_count(0)
    expect(page.locator(".branches .count")).to_have_text("1/2")  # the other version stays
    choose_lens(page, "Text")


def test_escape_closes_one_thing(page: Page) -> None:
    send(page, PROMPT)
    settled(page)
    from_menu(page, "Take the tour")
    button(page, "Share").click()
    expect(page.locator("#share-link")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#share-link")).to_have_count(0)
    expect(page.locator("#tour")).to_be_visible()
    for shown in (page.locator("#tour"), page.locator("#stage")):
        expect(shown).to_be_visible()
        page.evaluate("document.activeElement.blur()")  # as after a click beside all controls
        page.keyboard.press("Escape")
        expect(shown).to_be_hidden()
        from_menu(page, "Watch it learn")
    from_menu(page, "Calm, normal, wild")
    expect(stage(page).get_by_role("heading", name="Calm, normal, wild")).to_be_visible()
    button(page, "Back to the conversation").click()
    expect(page.locator("#stage")).to_be_hidden()


def test_back_closes_what_was_opened_last_and_stays_on_the_page(page: Page) -> None:
    setting(page, "Speed", 200)
    send(page, PROMPT)
    address = page.url
    written = reply(page)
    prompt = page.get_by_role("textbox", name="Prompt")
    prompt.fill("a draft")
    setting(page, "Temperature", 1.5)
    show(page, "Calm, normal, wild")
    for each in (log(page), prompt, button(page, "Settings"), button(page, "Continue")):
        expect(each).not_to_be_visible()
    page.go_back()
    expect(page.locator("#stage")).to_be_hidden()
    expect(prompt).to_have_value("a draft")
    expect(page.get_by_role("slider", name="Temperature")).to_have_value("1.5")
    from_menu(page, "Take the tour")
    expect(page.locator("#tour")).to_be_visible()
    button(page, "Share").click()
    expect(page.locator("#share-link")).to_be_visible()
    page.go_back()
    expect(page.locator("#share-link")).to_have_count(0)
    expect(page.locator("#tour")).to_be_visible()
    page.go_back()
    expect(page.locator("#tour")).to_be_hidden()
    expect(page.locator(".panel.step")).to_be_hidden()
    from_menu(page, "Calm, normal, wild")
    button(page, "Back to the conversation").click()  # leaves no entry behind
    expect(page.locator("#stage")).to_be_hidden()
    assert page.url == address
    open_settings(page)
    page.reload()
    expect(turns(page).locator(".reply")).to_have_text([written], use_inner_text=False)
    page.wait_for_function("() => !history.state?.['char-lstm/covered']")  # the next Back is not one without an effect
