"""The pages zoomed in, under a finger, on paper and with forced colours."""

import re
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.driving import button, log, send, setting, settled, turns
from tests.browser.looking import choose_lens, is_covered
from tests.support.app_server import eventually
from tests.support.both_pages import LENGTH, PROMPT, SEED, Site, begin, link

CONTROLS = "a, button, input, select, textarea, summary"
SMALL = """([selector, least]) => [...document.querySelectorAll(`.char-lstm :is(${selector})`)]
    .filter((each) => each.checkVisibility() && !each.closest("p"))
    .map((each) => each.closest("label:has(> input)") ?? each)
    .filter((each) => Math.round(Math.min(each.offsetHeight, each.offsetWidth)) < least)
    .map((each) => each.outerHTML)"""
# Controls and texts that lie outside of the window to the right, or of which a part is cut off.
CUT = """() => [...document.querySelectorAll(".char-lstm :is(button, label, p, h1, summary, small)")]
    .filter((each) => each.checkVisibility() && !each.closest(".curve, .lensed .log, .for-readers"))
    .filter((each) => {
        const isCut = each.clientWidth > 2 && each.scrollWidth > each.clientWidth + 2;
        return isCut || each.getBoundingClientRect().right > innerWidth + 1;
    })
    .map((each) => each.outerHTML)"""
# Whether the upper edge of an element is in sight.
UNCOVERED = """(element) => {
    const { x, y, width } = element.getBoundingClientRect();
    return document.elementFromPoint(x + width / 2, y + 2) === element;
}"""
PHONE, SIDEWAYS = (390, 844), (844, 390)
ZOOMED = (320, 256)  # so many pixels of CSS has a window of 1280 × 1024 pixels at 400 %
FINGER: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


def written(page: Page) -> Page:
    """With two turns, of which the last has two versions: with another seed Try again writes another reply."""
    begin(page)
    send(page, PROMPT)
    send(page, PROMPT)
    setting(page, "Seed", SEED + 1)
    button(page, "Try again").click()
    expect(page.locator(".branches")).to_be_visible()
    settled(page)
    return page


def test_a_small_window_cuts_nothing_off(both: Site) -> None:
    page = both.open()
    for width, height in (SIDEWAYS, PHONE, ZOOMED):
        page.set_viewport_size({"width": width, "height": height})
        page.get_by_role("textbox", name="Prompt").click()
        page.keyboard.type("R")
        expect(page.get_by_role("textbox", name="Prompt")).to_be_in_viewport(ratio=1)
        expect(button(page, "Send")).to_be_in_viewport(ratio=1)
        button(page, "Look inside").click()
        last = page.get_by_text("Colour each letter by how unlikely it was")
        last.scroll_into_view_if_needed()
        expect(last).to_be_in_viewport(ratio=1)
        assert page.evaluate(CUT) == []
        page.keyboard.press("Escape")
    link(written(page))
    for lens in ("Text", "What it remembers", "One letter at a time"):
        choose_lens(page, lens)
        for width, height in (ZOOMED, PHONE, SIDEWAYS):
            page.set_viewport_size({"width": width, "height": height})
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), lens
            assert page.evaluate(CUT) == [], lens


def test_in_a_low_window_the_alternatives_are_beside_their_letter(both: Site) -> None:
    page = both.open()
    page.set_viewport_size({"width": 683, "height": 384})
    written(page)
    letters = turns(page).last.locator(".reply i").filter(has_text=re.compile(r"\w"))
    at = [round(each * letters.count()) for each in (0.2, 0.4, 0.6, 0.8)]
    for letter in map(letters.nth, at):
        letter.click()
        expect(page.locator(".alternatives")).to_be_visible()
        assert not is_covered(page)
        box = page.locator(".alternatives").bounding_box()
        assert box
        assert box["x"] >= 0 <= box["y"]
        assert box["x"] + box["width"] <= 683
        page.keyboard.press("Escape")


def test_on_a_phone_targets_are_larger_and_a_second_tap_on_a_character_shows_what_else_could_stand_there(
    both: Site,
) -> None:
    """And a reply does not open the keyboard. In a wide window axe-core measures them: test_every_view.py."""
    context = both.new_context(locale="en-US", **FINGER)
    page = written(both.open(context=context))
    link(page)
    main = ".moves :is(button, summary), #ask *, #menu > *, .ways button, #share-link .close"
    for selector, least in ((CONTROLS, 24), (main, 44)):
        assert page.evaluate(SMALL, [selector, least]) == []
    page.keyboard.press("Escape")
    button(page, "Look inside").click()
    assert page.evaluate(SMALL, ["#inside :is(button, input)", 44]) == []
    page.keyboard.press("Escape")
    page.get_by_role("textbox", name="Prompt").fill(PROMPT)
    button(page, "Send").tap()
    settled(page)
    expect(button(page, "Continue")).to_be_focused()
    for lens in ("Text", "One letter at a time", "What it remembers"):
        choose_lens(page, lens)
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
        for part in (log(page), page.locator("#prompt")):
            expect(part).to_be_in_viewport(ratio=1)
    page.set_viewport_size({"width": 390, "height": 800})  # the conversation is lower than the box
    button(page, "Share").tap()
    eventually(lambda: page.locator("#share-link input").evaluate(UNCOVERED))
    page.keyboard.press("Escape")
    page.set_viewport_size(FINGER["viewport"])
    button(page, "Settings").tap()
    expect(page.get_by_role("combobox", name="Model", exact=True)).to_be_in_viewport(ratio=1)
    page.locator(".log").tap(position={"x": 9, "y": 9})
    expect(page.get_by_role("combobox", name="Model", exact=True)).to_be_hidden()
    visible = page.locator(".log .reply i").locator("visible=true")
    box = page.get_by_role("dialog", name="What else could stand instead of")
    for character in (visible.nth(3), visible.nth(9)):
        character.tap()
        expect(character).to_have_class(re.compile(r"\bfocus\b"))
        expect(box).to_be_hidden()
    visible.nth(9).tap()
    expect(box).to_be_visible()
    assert page.evaluate(SMALL, [".alternatives button", 44]) == []
    button(page, "Next letter").tap()
    expect(visible.nth(10)).to_have_class(re.compile(r"\bfocus\b"))
    expect(box).to_be_visible()
    page.go_back()
    expect(box).to_be_hidden()
    expect(page.locator(".panel.memory")).to_be_visible()
    choose_lens(page, "Text")
    visible.last.tap()
    expect(box).to_be_visible()
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    share = button(page, "Share").bounding_box()
    assert share
    page.touchscreen.tap(share["x"] + 9, share["y"] + 9)  # the page may move only after the tap
    expect(page.locator("#share-link")).to_be_visible()
    context.close()


def test_paper_has_the_whole_conversation_and_no_control(both: Site) -> None:
    page = begin(both.open(), length=1500)
    send(page, PROMPT)
    choose_lens(page, "What it remembers")
    whole = turns(page).locator(".text").all_text_contents()
    page.emulate_media(media="print")
    visible = f"() => [...document.querySelectorAll('{CONTROLS}, footer')].filter((each) => each.checkVisibility())"
    assert page.evaluate(f"({visible})().map((each) => each.outerHTML)") == []
    assert turns(page).locator(".text").all_text_contents() == whole
    expect(page.locator(".panel .legend").first).to_be_visible()
    assert page.locator(".log").first.evaluate("(log) => log.scrollHeight <= log.clientHeight")
    page.emulate_media(media="screen")
    expect(button(page, "Continue")).to_be_visible()


def test_forced_colours_leave_the_colours_of_the_letters(both: Site) -> None:
    page = begin(both.open())
    send(page, PROMPT)
    expect(page.locator(".log .reply i[class*=b]")).to_have_count(LENGTH)
    coloured = page.locator(".log .reply i[class*=b]:not(.b0)")
    colours = "(all) => all.map((each) => getComputedStyle(each).backgroundColor)"
    before = coloured.evaluate_all(colours)
    assert before
    page.emulate_media(forced_colors="active")
    assert coloured.evaluate_all(colours) == before
