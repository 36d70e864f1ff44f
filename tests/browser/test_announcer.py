"""A reply is announced to screen readers; tests/unit/web/page/announcer.test.js shows in which pieces."""

import re

from playwright.sync_api import expect

from tests.browser.driving import log, reply, send
from tests.browser.looking import NAMES
from tests.support.app_server import eventually
from tests.support.both_pages import LENGTH, Site, begin

# Speech that takes a second takes a hundredth.
FAST_SPEECH = "() => { const slow = setTimeout; window.setTimeout = (call, ms) => slow(call, ms / 100); }"
REGION = "document.querySelector('.announcements')"
RECORD = f"""() => {{
  window.heard = [];
  const added = (changes) => changes.forEach((each) => each.addedNodes.forEach((node) => heard.push(node.textContent)));
  new MutationObserver(added).observe({REGION}, {{ childList: true }});
}}"""


def test_the_page_announces_replies_and_not_their_characters(both: Site) -> None:
    page = begin(both.open(), length=LENGTH)
    expect(page.locator(".log").first).to_have_attribute("aria-live", "off")
    assert page.evaluate(f"{REGION}.textContent") == ""
    page.evaluate(FAST_SPEECH)
    page.evaluate(RECORD)
    send(page, "ab")
    eventually(lambda: len(page.evaluate("heard")) == 2)
    text, end = page.evaluate("heard")
    assert text == reply(page).strip()
    assert "length reached" in end
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
