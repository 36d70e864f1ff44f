"""A real Chromium, and the page in it at two sizes and in both colour schemes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from tests.browser.driving import LOOKS, open_page
from tests.support.app_server import App
from tests.support.chromium import launch


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
    """What a test looks at; nothing may have been complained of, fetched from elsewhere or cut off in the end."""
    width, height, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page, complaints = open_page(context, app)
    yield page
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"
    assert page.evaluate("document.body.classList.contains('dark')") == (scheme == "dark")
    assert not complaints
    context.close()
