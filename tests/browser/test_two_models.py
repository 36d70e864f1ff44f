"""Two models on the app's page: a blend that is refused, and what a link leaves out.

The texts of two models are in test_both_pages.py.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.driving import button, choose, fast, log, send, turns
from tests.support.app_server import App, random_model, serving
from tests.support.tiny_models import tiny_model


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    with serving({"one": random_model(), "two": random_model(3), "other script": tiny_model("αβγ")}) as app:
        yield app


def test_models_without_a_common_character_are_not_blended(page: Page) -> None:
    page.get_by_role("combobox", name="Second model").select_option("blended other script")
    page.get_by_role("textbox", name="Prompt").fill("kept")
    button(page, "Send").click()
    expect(log(page).locator(".refusal")).to_have_text(
        "one and other script have no character in common: they cannot write together."
    )
    expect(page.get_by_role("textbox", name="Prompt")).to_have_value("kept")
    expect(turns(page)).to_have_count(0)


def test_a_link_says_that_it_leaves_out_what_another_model_wrote(page: Page) -> None:
    fast(page, 60)
    send(page, "ROMEO:")
    choose(page, "two")
    expect(button(page, "Continue with one")).to_be_enabled()  # the model of the last reply
    expect(page.get_by_role("textbox", name="Prompt")).to_have_attribute("placeholder", "Start a line…")
    for prompt in ("JULIET:", "NURSE:"):
        send(page, prompt)
    button(page, "Share").click()
    note = page.locator("#share-link").get_by_role("status")
    expect(note).to_contain_text("The link holds only the last 2 turns: another model or version wrote the text above.")
