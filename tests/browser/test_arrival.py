"""The greeting of the bundled model on an empty page: its colours, the marked character, and the lenses over it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect

from model import TextTrace
from tests.browser.driving import button, fast, log, reply, settled, turns
from tests.browser.looking import choose_lens, level, marks
from tests.support.app_server import App, eventually, serving
from ui.registry.registry import ModelRegistry

LABEL = re.compile("(Click|Tap) a letter to change what happens next")
RECORDER = """
window.lengths = [];
const record = () => {
    const reply = document.querySelector(".welcome .reply");
    const isSeen = reply && getComputedStyle(reply).visibility === "visible";
    if (isSeen && lengths.at(-1) !== reply.textContent.length) lengths.push(reply.textContent.length);
    requestAnimationFrame(record);
};
record();
"""


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    registry = ModelRegistry()
    registry.start()
    assert registry.wait(60)
    with serving(registry) as app:
        yield app


def greeting(app: App) -> str:
    first = app.registry.first()
    assert first
    return first.welcome_text


def whole(page: Page, app: App) -> None:
    expect(page.locator(".welcome .reply")).to_have_text(greeting(app), use_inner_text=False)


def test_the_line_under_the_title_names_the_text_that_the_model_has_read(page: Page, app: App) -> None:
    line = (
        "A tiny neural network that has read only one text: Shakespeare. Start a line, watch it write on, look inside."
    )
    assert f"<p>{line}</p>" in httpx.get(app.url, headers={"accept-language": "en"}).text, "the first paint"
    german = httpx.get(app.url, headers={"accept-language": "de-AT"}).text
    assert "das nur einen einzigen Text gelesen hat: Shakespeare. Fang eine Zeile an" in german
    expect(page.locator("#intro p")).to_have_text(line)


def test_the_greeting_is_written_live_in_the_colours_of_its_surprise(page: Page, app: App) -> None:
    page.add_init_script(RECORDER)
    page.emulate_media(reduced_motion="no-preference")
    page.reload()
    whole(page, app)
    lengths = page.evaluate("lengths")
    assert lengths == sorted(lengths)
    assert len(lengths) > 5
    first = app.registry.first()
    assert first
    trace = TextTrace(first.lm)
    trace.set_text(greeting(app))
    colours = [level(each.bits) for each in trace.tokens()]
    article = page.locator(".welcome article")
    eventually(lambda: [mark.replace("try", "").strip() for mark in marks(article)] == colours)
    expect(log(page)).to_have_attribute("aria-busy", "false")
    page.emulate_media(reduced_motion="reduce")
    page.reload()
    whole(page, app)
    assert page.evaluate("lengths") == [len(greeting(app))]


def test_the_marked_character_can_be_changed_with_the_keyboard_and_the_text_goes_on_from_it(
    page: Page, app: App
) -> None:
    fast(page)
    text = greeting(app)
    label = page.get_by_role("button", name=LABEL)
    expect(label).to_be_visible()
    position = page.evaluate("[...document.querySelectorAll('.welcome i')].findIndex((each) => each.matches('.try'))")
    label.press("Enter")
    box = page.get_by_role("dialog")
    choice = box.get_by_role("button", name=re.compile("^Go on with")).first
    expect(choice).to_be_focused()
    expect(label).to_be_hidden()
    char = choice.locator(".char").text_content() or ""
    page.keyboard.press("Enter")
    settled(page)
    assert reply(page)[: position + 1] == text[:position] + char
    assert len(reply(page)) == 500
    expect(turns(page).last.locator("i")).to_have_count(0)  # a conversation, which "Text" shows without colours
    marked = page.evaluate("[...CSS.highlights.get('shown-character')][0].toString()")
    assert marked == char  # the letter that the visitor changed
    changed = reply(page)
    button(page, "Share").click()
    page.goto(page.get_by_role("textbox", name="Link to this text").input_value())
    expect(log(page)).to_contain_text("The same text, character for character")
    assert reply(page) == changed


def test_every_lens_shows_the_greeting(page: Page, app: App) -> None:
    whole(page, app)
    count = len(greeting(app))
    lead, colours = page.locator(".welcome .lead"), "The stronger a letter's colour"
    expect(lead).to_contain_text(colours)
    expect(page.get_by_role("button", name=LABEL)).to_be_visible()
    marked = page.locator(".log i.try").text_content() or ""
    choose_lens(page, "How surprised?")
    expect(page.locator(".which .char")).to_have_text(marked)  # its panel has something to show at once
    expect(page.locator(".likely li.there")).to_have_count(1)
    expect(page.locator(".sums .sum")).to_contain_text(f"in {count} characters")
    expect(lead).not_to_contain_text(colours)  # the panel says it
    choose_lens(page, "What it remembers")
    expect(page.locator(".caption")).to_contain_text(f"to {count}.")
    expect(page.locator(".which .char")).to_have_text(marked)
    expect(lead).not_to_contain_text(colours)  # these are the values of a cell
    assert page.locator(".welcome i[class*=p], .welcome i[class*=n]").count() > count / 2
    choose_lens(page, "One letter at a time")
    expect(page.locator(".panel.step")).to_contain_text(f"drew “{marked}”")
    log(page).focus()
    page.keyboard.press("Home")
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    stages = page.get_by_role("list", name="How the character came to be")
    first = app.registry.first()
    assert first
    expect(stages).to_contain_text(f"Number 4 of seed {first.welcome_seed} is 0.")
    expect(stages.locator("> li")).to_have_count(3)
