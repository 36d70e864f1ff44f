"""A hundred share links, each opened by a new visitor of a restarted app."""

from __future__ import annotations

import random
import re
from contextlib import ExitStack

from playwright.sync_api import expect, sync_playwright

from model import PRETRAINED, CharLSTM
from tests.browser.driving import button, fast, footer, log, open_page, send, setting, settled, turns
from tests.support.app_server import serving
from tests.support.chromium import launch

LINKS = 100


def test_every_link_gives_the_same_text_after_a_restart() -> None:
    chance = random.Random(0)
    texts: dict[str, list[str]] = {}
    with sync_playwright() as playwright, ExitStack() as stack:
        browser = launch(playwright)
        stack.callback(browser.close)
        with serving({"bundled": CharLSTM.from_pretrained(PRETRAINED)}) as app:
            page, _ = open_page(browser.new_context(), app)
            fast(page)
            for _ in range(LINKS):
                for at in range(chance.randrange(1, 4)):
                    setting(page, "Temperature", chance.choice([0.5, 0.8, 1, 1.5]))
                    setting(page, "Top-k", chance.choice([0, 20]))
                    setting(page, "Length", chance.randrange(10, 200))
                    if at and chance.random() < 0.3:
                        before = footer(page).text_content() or ""
                        button(page, "Continue").click()
                        expect(footer(page)).not_to_have_text(before)
                        settled(page)
                    else:
                        send(page, chance.choice(["", "ROMEO:\n", "What & why?", "<b>ü</b>", "To be"]))
                button(page, "Share").click()
                field = page.get_by_role("textbox", name="Link to this text")
                expect(field).to_have_value(re.compile("text="))
                texts[field.input_value().removeprefix(app.url)] = turns(page).locator(".text").all_text_contents()
                button(page, "Clear").click()
                expect(turns(page)).to_have_count(0)
        assert len(texts) == LINKS
        with serving({"bundled": CharLSTM.from_pretrained(PRETRAINED)}) as app:
            for query, text in texts.items():
                context = browser.new_context()
                page, complaints = open_page(context, app, query)
                fast(page)
                expect(log(page).locator(".mark")).to_have_text(
                    "The same text, character for character, as when the link was made."
                )
                assert turns(page).locator(".text").all_text_contents() == text
                assert not complaints
                context.close()
