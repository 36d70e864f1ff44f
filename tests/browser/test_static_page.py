"""The static page, which generates in the visitor's browser: the same text as Python."""

import os
from pathlib import Path

from huggingface_hub import constants
from playwright.sync_api import Browser, BrowserContext, Page, expect

from model import generate
from tests.browser.driving import QUIET, button, fast, reply, send, turns
from tests.local_hub import LocalHub
from tests.support.both_pages import Site
from tests.support.chromium import serve as serve_folder
from tests.support.tiny_models import saved_files, tiny_model
from training.hub.space_files import write_static


def watch(page: Page) -> str:
    """Wait for the text of the page's link; returns the last reply."""
    expect(page.locator(".mark")).to_be_visible()
    return reply(page)


def test_enter_sends_shift_enter_adds_a_line_and_an_input_method_does_neither(both: Site) -> None:
    page = both.open()
    fast(page, 1)
    box = page.get_by_role("textbox", name="Prompt")
    box.fill("a")
    page.keyboard.press("Shift+Enter")
    assert box.input_value() == "a\n"
    box.evaluate("box => box.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', isComposing: true }))")
    assert box.input_value() == "a\n"
    page.keyboard.press("Enter")
    expect(turns(page).last.locator(".prompt")).to_have_text("a\n", use_inner_text=False)
    assert box.input_value() == ""


def test_the_page_of_a_space_links_to_its_duplication(browser: Browser, tmp_path: Path) -> None:
    write_static(tmp_path, tiny_model(), "Ada/My_Page")
    with serve_folder(tmp_path) as url, browser.new_context(**QUIET) as context:
        space = url.replace("127.0.0.1", "ada-my-page.localhost")  # which Chromium resolves to this machine
        for address, count in ((space, 1), (url, 0)):
            page = context.new_page()
            page.goto(f"{address}?length=5&speed=200")
            send(page, "a")
            button(page, "Share").click()
            expect(page.get_by_role("textbox", name="Link to this text")).to_be_visible()
            link = page.get_by_role("link", name="Duplicate this Space")
            expect(link).to_have_count(count)
            if count:
                expect(link).to_have_attribute("href", f"{constants.ENDPOINT}/spaces/Ada/My_Page?duplicate=true")


def test_the_page_works_offline_once_it_was_loaded(browser: Browser, tmp_path: Path) -> None:
    lm = tiny_model()
    write_static(tmp_path, lm)
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    with serve_folder(tmp_path) as url:
        page.goto(url)
        page.evaluate("async () => { await navigator.serviceWorker.ready }")
        expect(page.locator(".welcome .hint")).to_be_visible()
    page.goto(f"{url}?prompt=Once&seed=2&length=60&speed=200")  # no server serves it any more
    assert watch(page) == generate(lm, "Once", 60, seed=2)
    context.close()


def test_a_replaced_model_is_loaded(browser: Browser, tmp_path: Path) -> None:
    with serve_folder(tmp_path) as url:
        context = browser.new_context()
        for second, model in enumerate((tiny_model(), tiny_model(seed=1))):
            write_static(tmp_path, model)
            for path in tmp_path.iterdir():  # a web server tells files apart by whole seconds
                os.utime(path, (second, second))
            page = context.new_page()
            page.goto(f"{url}?prompt=a&seed=1&length=60&speed=200")
            assert watch(page) == generate(model, "a", 60, seed=1)
            page.close()
        context.close()


def test_a_model_of_the_hub_at_a_pinned_commit(hub: LocalHub, new_context: BrowserContext, tmp_path: Path) -> None:
    lm, site = tiny_model(), tmp_path / "site"
    write_static(site, tiny_model(seed=1))
    commit = hub.add_repo("ada/plays", saved_files(lm, tmp_path / "model")).commit("main").oid
    hub.context.cdn = True
    with serve_folder(site) as url:
        for name in (f"ada/plays@{commit}", "ada/plays"):
            page = new_context.new_page()
            page.goto(f"{url}?model={name}&prompt=a&seed=1&length=60&speed=200")
            assert watch(page) == generate(lm, "a", 60, seed=1)
            expect(page.locator("#about")).to_contain_text(f"commit {commit[:7]}")
            page.close()
