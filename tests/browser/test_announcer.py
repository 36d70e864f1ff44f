"""A reply is announced to screen readers in whole sentences, at the speed of speech."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.driving import log, reply, send
from tests.browser.looking import NAMES, choose_lens
from tests.support.app_server import eventually
from tests.support.both_pages import LENGTH, Site, begin

TALE = "".join(f"{name} said that the night was cold, and went home.\n" for name in ("Ann", "Ben", "Cleo", "Dan")) * 2
REGION = "document.querySelector('.announcements')"
RECORD = f"""() => {{
  window.heard = [];
  const added = (changes) => changes.forEach((each) => each.addedNodes.forEach((node) => heard.push(node.textContent)));
  new MutationObserver(added).observe({REGION}, {{ childList: true }});
}}"""
# Shows a text character by character, and records what is announced meanwhile and afterwards.
GROW = """async (text) => {
  const { Announcer } = await import("./document/announcer.js");
  const announcer = new Announcer(document.body);
  window.heard = [];
  const added = (changes) => changes.forEach((each) => each.addedNodes.forEach((node) => heard.push(node.textContent)));
  new MutationObserver(added).observe(announcer.region, { childList: true });
  for (let length = 0; length <= text.length; length++) {
    const isWriting = length < text.length;
    announcer.update({ key: "1", text: text.slice(0, length), isWriting, lines: isWriting ? [] : ["length reached"] });
  }
}"""


def announced(page: Page, text: str) -> list[str]:
    """Return what is announced in a minute of a text that is written at once."""
    page.evaluate(GROW, text)
    first: list[str] = page.evaluate("heard")
    assert len(first) == 1  # the others follow at the speed of speech
    page.clock.run_for(60_000)
    heard: list[str] = page.evaluate("heard")
    return heard


def test_a_growing_reply_is_announced_in_whole_sentences(web_page: Page) -> None:
    web_page.clock.install()
    heard = announced(web_page, TALE)
    assert " ".join(heard).replace("\n", " ").split() == f"{TALE}length reached".split()
    assert all(piece.endswith("home.") for piece in heard[:-1])
    assert len(heard) == 5
    words = announced(web_page, "word " * 100)  # no sentence ends
    assert " ".join(words).split() == ["word"] * 100 + ["length", "reached"]
    assert len(words) <= 5


def test_a_replaced_reply_leaves_the_region_once_it_was_read(web_page: Page) -> None:
    web_page.clock.install()
    web_page.evaluate(GROW.replace("const announcer", "window.announcer"), TALE)
    web_page.clock.run_for(5_000)
    assert "Ann" in web_page.evaluate("announcer.region.textContent")
    web_page.evaluate(
        "text => announcer.update({ key: '2', text, isWriting: true, lines: [] })", f"{'A new reply. ' * 9}x"
    )
    web_page.clock.run_for(6_000)
    assert "Ann" not in web_page.evaluate("announcer.region.textContent")
    assert "A new reply." in web_page.evaluate("announcer.region.textContent")


def test_the_page_announces_replies_and_not_their_characters(both: Site) -> None:
    page = begin(both.open(), length=LENGTH)
    expect(page.locator(".log").first).to_have_attribute("aria-live", "off")
    assert page.evaluate(f"{REGION}.textContent") == ""
    page.evaluate(RECORD)
    send(page, "ab")
    eventually(lambda: len(page.evaluate("heard")) == 2)
    text, end = page.evaluate("heard")
    assert text == reply(page).strip()
    assert "length reached" in end
    eventually(lambda: page.evaluate(f"{REGION}.textContent") == "")  # what was read is not in the page twice
    page.reload()
    expect(page.locator(".turn .footer")).to_be_visible()
    assert page.evaluate(f"{REGION}.textContent") == ""


@pytest.mark.parametrize("lens", ["Text", "How surprised?"])
def test_moving_along_the_text_announces_the_character_its_chance_and_its_place(both: Site, lens: str) -> None:
    page = begin(both.open(), length=LENGTH)
    send(page, "ab")
    choose_lens(page, lens)
    expect(log(page)).to_have_accessible_description(re.compile("arrow keys"))
    log(page).focus()
    region = page.locator(".moves-announced").first
    expect(region).to_have_attribute("aria-live", "polite")
    text = "ab" + reply(page)
    # Without a lens the arrow keys skip line ends.
    places = [at for at, each in enumerate(text, 1) if lens != "Text" or each != "\n"]
    for keys, place in ((["End"], places[-1]), (["ArrowLeft"] * 3, places[-4])):
        for key in keys:
            page.keyboard.press(key)
        name = re.escape(NAMES.get(text[place - 1], text[place - 1]))
        heard = rf"^{name}, (less than )?[\d.]+% likely, character {place} of {len(text)}$"
        expect(region).to_have_text(re.compile(heard))
    log(page).blur()
    expect(region).to_be_empty()
