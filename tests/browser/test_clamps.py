"""Clamped cells in a real browser, on wide light and narrow dark displays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from playwright.sync_api import Browser, Page, expect

from model import LanguageModel, generate
from tests.browser.axe import violations
from tests.browser.driving import button, fast, footer, log, open_page, reply, send, setting, settled, turns
from tests.browser.looking import choose_cell, choose_lens
from tests.support.app_server import App, random_model, serving

LENGTH = 60
PROMPT = "ROMEO:\n🙂 "


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    """The app, with large weights, so that a single cell changes the text."""
    lm = random_model()
    with torch.no_grad():
        for parameter in lm.network.parameters():
            parameter.mul_(4)
    with serving({"random": replace(lm), "other": random_model(3)}) as app:
        yield app


def begin(page: Page) -> None:
    fast(page, LENGTH)
    setting(page, "Seed", 7)


def clamp(page: Page, direction: str) -> None:
    page.get_by_role("group", name="Hold this cell while it writes").get_by_text(direction, exact=True).click()
    expect(page.get_by_role("radio", name=direction, exact=True)).to_be_checked()


def texts(lm: LanguageModel, *clamps: tuple[int, int, float]) -> tuple[str, str]:
    """Return the text that is written with clamped cells, and the text without."""
    clamped = generate(lm, PROMPT, LENGTH, seed=7, temperature=0.8, clamps=clamps)
    return clamped, generate(lm, PROMPT, LENGTH, seed=7, temperature=0.8)


def test_rewrite_with_a_clamped_cell_shows_both_replies(page: Page, app: App) -> None:
    clamped, free = texts(app.served("random").lm, (1, 5, 4.0))
    same = next(at for at in range(LENGTH) if clamped[at] != free[at])
    begin(page)
    choose_lens(page, "What it remembers")
    send(page, PROMPT)
    assert reply(page) == free
    bar = page.get_by_role("group", name="Cells that are held")
    expect(bar).to_be_hidden()
    choose_cell(page, 1, 5)
    clamp(page, "Up")
    expect(bar).to_be_visible()
    button(page, "Rewrite").click()
    expect(footer(page)).to_contain_text("cell 5 (layer 1) held up")
    settled(page)
    assert reply(page) == clamped
    both = page.get_by_role("region", name="Held and free")
    expect(both.get_by_role("status")).to_have_text(
        f"Identical for {same} character{'s' if same > 1 else ''}, then they differ."
        if same
        else "They differ from the first character on."
    )
    columns = both.locator(".text")
    for at, text in enumerate((clamped, free)):
        shown = columns.nth(at).text_content() or ""
        assert shown.lstrip("…").replace("⏎", "") in text
        assert shown.endswith(text[same + 1 :])
        assert columns.nth(at).locator("mark").text_content() == text[same].replace("\n", "⏎\n")
    expect(turns(page).last.locator("i.differs")).to_have_text(clamped[same])
    assert violations(page) == []
    button(page, "Undo").click()
    expect(both).to_be_hidden()
    assert reply(page) == free
    button(page, "Release: cell 5 (layer 1) held up").click()
    expect(bar).to_be_hidden()
    expect(page.get_by_role("radio", name="Free", exact=True)).to_be_checked()
    send(page, "more")
    assert " held " not in (footer(page).text_content() or "")


def test_a_cell_clamped_during_a_reply_acts_from_then_on_and_is_in_the_link(app: App, browser: Browser) -> None:
    page, complaints = open_page(browser.new_context(), app)
    begin(page)
    choose_lens(page, "What it remembers")
    setting(page, "Speed", 5)  # slow, so that the reply still runs when the cell is clamped
    send(page, PROMPT, wait=False)
    expect(turns(page).last.locator(".reply i").nth(4)).to_be_visible()
    choose_cell(page, 0, 3)
    fast(page)
    page.get_by_role("radio", name="Free", exact=True).focus()
    page.keyboard.press("ArrowRight")  # chooses Up
    expect(page.get_by_role("radio", name="Up", exact=True)).to_be_checked()
    expect(footer(page)).to_contain_text("cell 3 (layer 0) held up")
    settled(page)
    lm = app.served("random").lm
    text, free = reply(page), texts(lm)[1]
    assert len(text) == LENGTH
    button(page, "Share").click()
    query = page.get_by_role("textbox", name="Link to this text").input_value()
    clamped_at = int(query.partition("length=")[2].partition("&")[0])
    assert 4 <= clamped_at < LENGTH
    assert f"&more={LENGTH - clamped_at}&hold=0.3~4" in query
    assert text[:clamped_at] == free[:clamped_at]
    choose_lens(page, "Text")
    expect(page.get_by_role("group", name="Cells that are held")).to_be_visible()
    page.get_by_role("combobox", name="Model", exact=True).select_option("other")
    expect(page.get_by_role("combobox", name="Model", exact=True)).to_have_value("other")
    fast(page)
    send(page, "")
    assert " held " not in (footer(page).text_content() or "")
    expect(page.get_by_role("group", name="Cells that are held")).to_be_hidden()
    page.goto(app.url + "?" + query.partition("?")[2])
    expect(page.get_by_role("group", name="Cells that are held")).to_contain_text("cell 3 (layer 0) held up")
    fast(page)
    expect(log(page).locator(".mark")).to_contain_text("The same text, character for character")
    assert reply(page) == text
    assert not complaints
    page.context.close()
