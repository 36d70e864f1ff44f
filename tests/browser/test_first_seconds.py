"""What a visitor can do before the weights or the modules of the page have arrived."""

import json
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Route, expect

from model import CharLSTM, generate
from model.checkpoint.record import stored_welcome
from model.settings import WELCOME_LENGTH
from tests.browser.driving import QUIET, button, fast, log, more, reply, send, settled, turns
from tests.browser.test_static_loading import delay, let_go, wait_for_request
from tests.support.app_server import random_model
from tests.support.both_pages import Site
from tests.support.chromium import serve
from training.card.summary import with_welcome
from training.hub.space_files import write_static


def test_the_static_page_shows_its_greeting_and_keeps_a_prompt_before_the_weights(
    both: Site, new_context: BrowserContext
) -> None:
    text, seed = stored_welcome(with_welcome(both.one).training)
    assert text
    assert generate(both.one, "", WELCOME_LENGTH, seed=seed).startswith(text)
    page = new_context.new_page()  # which has no weights yet
    held: list[Route] = delay(page, "**/model.safetensors")
    page.goto(both.app.url)
    expect(page.locator(".welcome .reply")).to_have_text(text, use_inner_text=False)
    expect(page.locator("#intro p")).to_contain_text("This neural network has read one text: one.")
    fast(page, 60)
    page.get_by_role("spinbutton", name="Seed", exact=True).fill("5")
    send(page, "", wait=False)
    expect(page.get_by_role("progressbar")).to_be_visible()
    assert reply(page) == ""
    let_go(page, held)
    settled(page)
    assert reply(page) == generate(both.one, "", 60, seed=5)
    more(page, "Undo")
    expect(page.locator(".welcome i[class*=b]").nth(len(text) // 2)).to_be_visible()


def test_a_model_without_a_stored_greeting_writes_one_once_its_weights_are_here(
    browser: Browser, tmp_path: Path
) -> None:
    lm = random_model(hidden_size=32)
    write_static(tmp_path, lm)
    text, _ = stored_welcome(CharLSTM.from_pretrained(tmp_path).training)
    lm.save_pretrained(tmp_path)
    assert "welcome" not in json.loads((tmp_path / "config.json").read_text())["training"]
    page = browser.new_page(locale="en-US", **QUIET)
    held = delay(page, "**/model.safetensors")
    with serve(tmp_path) as url:
        page.goto(url)
        expect(button(page, "Send")).to_be_enabled()
        let_go(page, held)
        expect(page.locator(".welcome .reply")).to_have_text(text, use_inner_text=False)
    page.context.close()


def test_weights_that_cannot_be_fetched_are_reported_and_the_prompt_is_kept(
    both: Site, new_context: BrowserContext
) -> None:
    page = new_context.new_page()
    held = delay(page, "**/model.safetensors")
    page.goto(both.app.url)
    send(page, "hello", wait=False)
    wait_for_request(page, held)
    page.route("**/model.safetensors", lambda route: route.abort())  # the page may try again at once
    held[0].abort()
    expect(log(page).locator(".refusal")).to_contain_text("could not be fetched")
    expect(page.get_by_role("textbox", name="Prompt")).to_have_value("hello")
    expect(page.locator("#notices")).to_contain_text("could not be fetched")


def test_enter_before_the_scripts_have_run_sends_the_prompt(both: Site) -> None:
    page = both.context.new_page()
    held = delay(page, "**/*.js")  # a slow network: no script has arrived
    page.goto(both.app.url, wait_until="commit")
    prompt = page.locator("#prompt")
    expect(page.locator(".welcome .reply[data-began]")).to_have_count(1)
    expect(page.get_by_role("progressbar")).to_be_visible()
    prompt.fill("ROMEO:")
    prompt.press("Enter")
    prompt.press("Enter")
    expect(prompt).to_have_value("ROMEO:")
    page.route("**/*.js", lambda route: route.continue_())  # those that are requested later
    for route in held:
        route.continue_()
    expect(turns(page)).to_have_count(1)
    expect(log(page).locator(".prompt")).to_have_text("ROMEO:")
    expect(prompt).to_have_value("")
    settled(page)
