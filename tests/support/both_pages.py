"""The static page with two models of the local Hub, and what its tests do."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page

from model import CharLSTM, generate
from tests.browser.driving import (
    QUIET,
    WIDE,
    button,
    complaints_of,
    forget,
    open_page,
    open_settings,
    setting,
    show,
    stored_logs,
    window,
)
from tests.local_hub import LocalHub
from tests.support.app_server import App, random_model
from tests.support.chromium import serve
from tests.support.tiny_models import saved_files
from training.hub.space_files import write_static
from ui.registry.registry import ModelRegistry

ONE, TWO = "ada/one", "ada/two"
PROMPT = "ROMEO:\né🙂 "
LENGTH = 40
SEED = 7


@dataclass
class Site:
    """The static page.

    Attributes:
        app: its address; the registry is empty.
        one: the model that writes, which lies beside the page and is on the Hub as well.
        two: another model of the Hub.
        commit: of ``one`` on the Hub.
        complaints: of each opened page: errors in the console, and requests to other addresses than its own and the
            Hub's.
    """

    app: App
    one: CharLSTM
    two: CharLSTM
    commit: str
    hub: str
    browser: Browser
    context: BrowserContext
    complaints: list[list[str]] = field(default_factory=list)
    name = "one"  # of the model that writes

    def __post_init__(self) -> None:
        self._tab, self._is_used = self.context.new_page(), False
        self._complaints = complaints_of(self._tab, self.app.url, self.hub)

    def open(self, query: str = "", *, context: BrowserContext | None = None, app: App | None = None) -> Page:
        """Open the page, or that of an app, with an empty conversation in it.

        All tests share one tab, in which the page takes 0.4 instead of 0.7 seconds of the processor; if the test has
        it already, or gives a context or an app, a new one is opened.
        """
        if context or app or self._is_used:
            page, complaints = open_page(context or self.context, app or self.app, query, hub=self.hub)
            self.complaints.append(complaints)
            return page
        self._is_used = True
        show(self._tab, self.app, query)
        return self._tab

    def new_context(self, **options: Any) -> BrowserContext:
        """Return the context of another visitor; closed by the test."""
        return self.browser.new_context(**{**QUIET, **options})

    def blend(self, page: Page) -> None:
        """Choose the second model, whose name is typed first."""
        open_settings(page)
        box = page.get_by_role("combobox", name="Second model")
        option = box.locator(f'option[value="blended {TWO}"]')
        box.select_option(label="another one from the Hugging Face Hub …")
        page.get_by_role("textbox", name="Name of the second model, user/name").fill(TWO)
        page.keyboard.press("Enter")
        option.wait_for(state="attached")
        box.select_option(f"blended {TWO}")

    def leave(self) -> None:
        """Close all tabs but the shared one, and forget what they have stored."""
        for page in self.context.pages:
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"
            if page is not self._tab:
                page.close()
        self._tab.goto(f"{self.app.url}settings.json")  # the page stores no more
        forget(self._tab)
        self._tab.emulate_media(media="null", forced_colors="null")
        self._tab.set_viewport_size(window(WIDE)["viewport"])
        self._is_used = False
        found = [each for page in [self._complaints, *self.complaints] for each in page]
        self._complaints.clear()
        self.complaints.clear()
        assert not found, found


@contextmanager
def static_site(browser: Browser, hub: LocalHub, folder: Path) -> Iterator[Site]:
    """Push two models to the Hub and serve the static page of the first one, in a wide, light window."""
    one, two = random_model(1000), random_model(3)
    one.training = {"examples": ["ROMEO:"], "corpus": "one", "repo": ONE}
    two.training = {"corpus": "two"}
    hub.add_repo(ONE, saved_files(one, folder / "one"))
    hub.add_repo(TWO, saved_files(two, folder / "two"))
    commit = hub.repos[ONE].commit("main").oid
    write_static(folder / "site", one)
    with serve(folder / "site") as url, browser.new_context(locale="en-US", **window(WIDE), **QUIET) as context:
        yield Site(App(url, ModelRegistry()), one, two, commit, hub.url, browser, context)


def begin(page: Page, *, speed: float = 200, length: int = LENGTH) -> Page:
    setting(page, "Length", length)
    setting(page, "Speed", speed)
    setting(page, "Seed", SEED)
    return page


def new_line(text: str) -> str:
    """What the model has read before the next prompt, which begins a line of its own."""
    return text if text.endswith("\n") else f"{text}\n"


def text_of(site: Site, prompt: str = PROMPT, length: int = LENGTH, seed: int = SEED, **settings: Any) -> str:
    return generate(site.one, prompt, length, seed=seed, **settings)


def stored_parts(page: Page) -> list[Any]:
    """The parts of the last reply in the log that the browser has stored."""
    current = page.evaluate("sessionStorage.getItem('char-lstm/current')")
    [log] = [each for each in stored_logs(page) if each["id"] == current]
    parts: list[Any] = log["turns"][-1]["reply"]["parts"]
    return parts


def link(page: Page) -> str:
    """Share the conversation; returns the parameters of the link."""
    button(page, "Share").click()
    return page.get_by_role("textbox", name="Link to this text").input_value().partition("?")[2]
