"""Fixtures of the browser tests: a real Chromium, and the pages in it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

from tests.browser.driving import DISPLAYS, QUIET, WIDE, Display, forget, open_page, show, window
from tests.local_hub import LocalHub
from tests.support.app_server import App
from tests.support.both_pages import Site, static_site
from tests.support.chromium import COMMANDS, ChromiumMissingError, install, launch, serve

WEB = Path(__file__).parents[2] / "web"


def pytest_sessionstart(session: pytest.Session) -> None:
    """Install a missing Chromium once, before xdist starts its workers, where the terminal shows what happens.

    If that fails, each browser test fails with the command to type, and the other tests still run.
    """
    is_there = any(map(shutil.which, COMMANDS))  # to start one would take a second of the processor
    if is_there or hasattr(session.config, "workerinput") or session.config.option.collectonly:
        return
    try:
        with sync_playwright() as playwright:
            launch(playwright).close()
    except ChromiumMissingError:
        install()


# Not for the whole session: Playwright runs an event loop, in which asyncio.run() of other tests would fail.
@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="package")
def browser(playwright: Playwright) -> Iterator[Browser]:
    browser = launch(playwright)
    yield browser
    browser.close()


@pytest.fixture
def display() -> Display:
    """The window of a test: wide and light, unless the test is about sizes or colours and parametrizes it."""
    return WIDE


@pytest.fixture(scope="module")
def contexts(browser: Browser) -> Iterator[dict[Display, BrowserContext]]:
    """One context for each display; its cache has Gradio's scripts after the first page."""
    contexts = {display: browser.new_context(**window(display), **QUIET) for display in DISPLAYS}
    yield contexts
    for context in contexts.values():
        context.close()


@pytest.fixture
def context(display: Display, contexts: dict[Display, BrowserContext]) -> Iterator[BrowserContext]:
    """A visitor of one display; afterwards its tabs are closed, and what the last one has stored is deleted."""
    context = contexts[display]
    yield context
    forget(context.pages[-1])
    for each in context.pages:
        each.close()


@pytest.fixture
def new_context(browser: Browser) -> Iterator[BrowserContext]:
    """A visitor of one test."""
    context = browser.new_context(locale="en-US", **QUIET)
    yield context
    context.close()


@pytest.fixture(scope="module")
def tabs() -> dict[Display, tuple[Page, list[str]]]:
    """The tabs of `page`, with the complaints in each: a new tab would take half as much of the processor again."""
    return {}


@pytest.fixture
def page(
    display: Display, app: App, contexts: dict[Display, BrowserContext], tabs: dict[Display, tuple[Page, list[str]]]
) -> Iterator[Page]:
    """The page on one display; fails on console messages, requests to other sites and sideways scrolling."""
    if display in tabs:
        show(tabs[display][0], app)
    else:
        tabs[display] = open_page(contexts[display], app)
    page, complaints = tabs[display]
    yield page
    fits = page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    is_dark = page.evaluate("getComputedStyle(document.body).color") == "rgb(245, 245, 244)"
    page.goto(f"{app.url}site")  # the page stores no more
    forget(page)
    found = complaints.copy()
    complaints.clear()  # all is cleaned up before a check can fail
    assert fits, "the page scrolls sideways"
    assert is_dark == (display[2] == "dark")
    assert not found


@pytest.fixture(scope="module")
def web_page(browser: Browser) -> Iterator[Page]:
    """A page below web/ without content, in which a test imports single modules of the scripts."""
    with serve(WEB) as url:
        page = browser.new_page()
        page.goto(f"{url}README.md")
        yield page
        page.close()


@pytest.fixture(scope="module")
def static_page(browser: Browser, module_hub: LocalHub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The static page, with a model beside it."""
    with static_site(browser, module_hub, tmp_path_factory.mktemp("both")) as site:
        yield site


@pytest.fixture
def both(static_page: Site) -> Iterator[Site]:
    """The static page, for what both pages do; fails on complaints in the console, and foreign requests.

    The app's page has tests of its own, with `page`.
    """
    yield static_page
    static_page.leave()
