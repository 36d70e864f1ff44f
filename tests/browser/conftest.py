"""Fixtures of the browser tests: a real Chromium, and the page in it at two sizes and in both colour schemes."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from tests.browser.driving import LOOKS, open_page
from tests.support.app_server import App
from tests.support.chromium import ChromiumMissingError, launch


def pytest_sessionstart(session: pytest.Session) -> None:
    """Install a missing Chromium once, before xdist starts its workers, where the terminal shows what happens.

    Without one the other tests still run, and each browser test fails with the same message.
    """
    if hasattr(session.config, "workerinput") or session.config.option.collectonly:
        return
    try:
        with sync_playwright() as playwright:
            launch(playwright).close()
    except ChromiumMissingError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    browser = launch(playwright)
    yield browser
    browser.close()


@pytest.fixture(params=LOOKS, ids=lambda look: f"{look[0]}-{look[2]}")
def page(request: pytest.FixtureRequest, app: App, browser: Browser) -> Iterator[Page]:
    """The page in one size and colour scheme; fails on console messages, foreign requests and sideways scrolling."""
    width, height, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page, complaints = open_page(context, app)
    yield page
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"
    assert page.evaluate("document.body.classList.contains('dark')") == (scheme == "dark")
    assert not complaints
    context.close()
