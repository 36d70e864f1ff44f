"""The text can be clicked and says so; what screen readers hear of it.

tests/unit/web/page/announcer.test.js shows in which pieces a reply is announced.
"""

import re

from playwright.sync_api import Page, expect

from tests.browser.driving import button, log, reply, send, settled, turns
from tests.browser.looking import NAMES, turn_colours_off
from tests.support.app_server import eventually
from tests.support.both_pages import LENGTH, Site, begin, text_of

HINT = "Change any letter and watch."


def box(page: Page) -> str:
    """Return the name of the box that shows what else could stand at a character."""
    return page.locator(".alternatives:not([hidden])").first.get_attribute("aria-label") or ""


def marked(page: Page) -> str | None:
    return page.locator(".log i.focus").text_content()


def test_a_reply_says_that_it_can_be_clicked_and_the_keyboard_does_the_same(both: Site) -> None:
    page = begin(both.open())
    turn_colours_off(page)
    send(page, "ab")
    text = reply(page)
    expect(turns(page).last.locator(".hint")).to_have_text(HINT)
    log(page).focus()
    page.keyboard.press("Enter")
    last, before = (NAMES.get(text[at], text[at]) for at in (-1, -2))
    assert box(page) == f"What else could stand instead of {last}"
    assert marked(page) == text[-1]
    expect(turns(page).last.locator(".hint")).to_be_hidden()  # tried
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("dialog", name=f"What else could stand instead of {before}")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(log(page)).to_be_focused()
    assert marked(page) == text[-2]  # where the arrow keys go on
    page.keyboard.press("ArrowLeft")
    assert marked(page) == text[-3]
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name=f"instead of {NAMES.get(text[-3], text[-3])}")).to_be_visible()
    page.keyboard.press("Escape")
    for key in ("ArrowUp", "Home"):
        page.keyboard.press(key)
    assert marked(page) == text[0]  # not into the prompt
    send(page, "cd")
    expect(page.locator(".turn .hint")).to_have_count(0)  # tried
    log(page).evaluate("(log) => (log.scrollTop = 0)")
    turns(page).first.locator(".reply").click(position={"x": 60, "y": 12})
    expect(page.get_by_role("dialog")).to_be_visible()  # also in an older reply
    expect(button(page, "Another ending from here")).to_be_visible()
    log(page).click(position={"x": 3, "y": 3})
    expect(page.get_by_role("dialog")).to_have_count(0)
    turns(page).first.locator(".reply").click(position={"x": 60, "y": 12})
    button(page, "Another ending from here").click()
    settled(page)
    expect(page.locator(".turn .other .reply")).to_have_text(text, use_inner_text=False)  # not that of the last reply


def test_a_version_that_ended_soon_leaves_the_room_to_the_other_one(both: Site) -> None:
    page = begin(both.open(), length=600)
    page.set_viewport_size({"width": 390, "height": 844})
    send(page, "ab")
    page.locator(".turn .reply i").nth(-9).dispatch_event("click")
    page.locator(".alternatives button.choice:not([aria-current])").first.click()
    settled(page)
    before, now = (page.get_by_role("group", name=name) for name in ("The version before", "Now"))
    expect(before).to_have_attribute("data-title", "Before: it ended soon after")
    height = "(text) => text.clientHeight"
    eventually(lambda: 30 < before.evaluate(height) < now.evaluate(height) / 2)  # its title and its end are seen


def test_a_click_in_either_of_two_versions_keeps_both_side_by_side(both: Site) -> None:
    page = begin(both.open(), length=200)
    send(page, "ab")
    page.locator(".turn .reply i").nth(99).click()
    page.locator(".alternatives button.choice:not([aria-current])").first.click()
    settled(page)
    names = ["The version before", "Now"]
    versions = [page.get_by_role("group", name=name) for name in names]
    texts = [each.text_content() or "" for each in versions]
    for name, version in (("old", versions[0]), ("new", versions[1])) * 2:
        letter = version.locator(".reply i:not(.end)").nth(120)
        letter.click()
        expect(page.get_by_role("dialog")).to_be_visible()
        expect(letter).to_have_class(re.compile("focus"))
        assert [each.text_content() for each in versions] == texts
        left, right = [each.bounding_box() for each in versions]
        assert left
        assert right
        assert left["x"] + left["width"] < right["x"]
        page.keyboard.press("Escape")
        expect(button(page, f"Continue the {name} one")).to_be_visible()
    page.reload()
    letter = versions[0].locator(".reply i.changed")
    expect(letter).to_be_in_viewport()  # each text is scrolled to it
    letter.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    button(page, "Keep the new one").click()
    eventually(lambda: "ab" + reply(page) == texts[1])


def test_characters_that_the_model_skips_are_named_and_struck_out(both: Site) -> None:
    page = begin(both.open())
    send(page, "漢字 ROMEOü漢")
    expect(turns(page).last.locator(".notice")).to_have_text(
        "This network skips the characters that it does not know: \u2068'漢'\u2069, \u2068'字'\u2069, \u2068'ü'\u2069."
    )
    expect(turns(page).last.locator(".prompt i.unknown")).to_have_text(["漢", "字", "ü", "漢"])
    assert reply(page) == text_of(both, "漢字 ROMEOü漢", unknown="skip")


SPOKEN_MS = 10_000  # longer than the announcement of a reply lasts
REGION = "document.querySelector('.announcements')"
RECORD = f"""() => {{
  window.heard = [];
  const added = (changes) => changes.forEach((each) => each.addedNodes.forEach((node) => heard.push(node.textContent)));
  new MutationObserver(added).observe({REGION}, {{ childList: true }});
}}"""


def test_the_page_announces_replies_and_not_their_characters(both: Site) -> None:
    page = begin(both.open(), length=LENGTH)
    page.clock.install()
    page.reload()
    expect(page.locator(".log").first).to_have_attribute("aria-live", "off")
    assert page.evaluate(f"{REGION}.textContent") == ""
    page.evaluate(RECORD)
    send(page, "ab")
    page.clock.fast_forward(SPOKEN_MS)
    eventually(lambda: len(page.evaluate("heard")) == 2)
    text, end = page.evaluate("heard")
    assert text == reply(page).strip()
    assert "length reached" in end
    page.clock.fast_forward(SPOKEN_MS)
    eventually(lambda: page.evaluate(f"{REGION}.textContent") == "")  # what was read is not in the page twice
    page.reload()
    expect(page.locator(".turn .moves")).to_be_visible()
    assert page.evaluate(f"{REGION}.textContent") == ""


def test_moving_along_the_text_announces_the_character_its_chance_and_its_place(both: Site) -> None:
    page = begin(both.open(), length=LENGTH)
    send(page, "ab")
    expect(log(page)).to_have_accessible_description(re.compile("arrow keys"))
    region = page.locator(".moves-announced").first
    expect(region).to_have_attribute("aria-live", "polite")
    text = "ab" + reply(page)
    log(page).focus()
    for keys, place in ((["End"], len(text)), (["ArrowLeft"] * 3, len(text) - 3)):
        for key in keys:
            page.keyboard.press(key)
        name = re.escape(NAMES.get(text[place - 1], text[place - 1]))
        heard = rf"^{name}, (less than )?[\d.]+% likely, character {place} of {len(text)}$"
        expect(region).to_have_text(re.compile(heard))
    log(page).blur()
    expect(region).to_be_empty()
