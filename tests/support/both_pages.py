"""The app's page and the static page with the same models of the local Hub, and what tests of both do on them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
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
    setting,
    show,
    stored_logs,
    window,
)
from tests.local_hub import LocalHub
from tests.support.app_server import App, random_model, serving
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
    """One of the two pages.

    Attributes:
        kind: "app" or "static".
        app: its address; the registry is empty for the static page.
        one: the model that writes, served from the Hub by the app and lying beside the static page.
        two: another model of the Hub.
        commit: of ``one`` on the Hub.
        complaints: of each opened page: errors in the console, and requests to other addresses than its own and the
            Hub's.
    """

    kind: str
    app: App
    one: CharLSTM
    two: CharLSTM
    commit: str
    hub: str
    browser: Browser
    context: BrowserContext
    complaints: list[list[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._tab, self._is_used = self.context.new_page(), False
        self._complaints = complaints_of(self._tab, self.app.url, self.hub)

    def open(self, query: str = "", *, context: BrowserContext | None = None) -> Page:
        """Open the page with an empty conversation in it.

        All tests share one tab, in which the page takes 0.4 instead of 0.7 seconds of the processor; if the test has
        it already, or gives a context, a new one is opened.
        """
        if context or self._is_used:
            page, complaints = open_page(context or self.context, self.app, query, hub=self.hub)
            self.complaints.append(complaints)
            return page
        self._is_used = True
        show(self._tab, self.app, query)
        return self._tab

    def new_context(self, **options: Any) -> BrowserContext:
        """Return the context of another visitor; closed by the test."""
        return self.browser.new_context(**{**QUIET, **options})

    @property
    def name(self) -> str:
        """The name of the model that writes."""
        return ONE if self.kind == "app" else "one"

    def blend(self, page: Page) -> None:
        """Choose the second model; on the static page its name is typed first."""
        box = page.get_by_role("combobox", name="Second model")
        option = box.locator(f'option[value="blended {TWO}"]')
        if not option.count():
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
        self._tab.goto(f"{self.app.url}{'site' if self.kind == 'app' else 'settings.json'}")  # the page stores no more
        forget(self._tab)
        self._tab.emulate_media(media="null", forced_colors="null")
        self._tab.set_viewport_size(window(WIDE)["viewport"])
        self._is_used = False
        found = [each for page in [self._complaints, *self.complaints] for each in page]
        self._complaints.clear()
        self.complaints.clear()
        assert not found, found


class Sites(dict[str, Site]):
    """The two pages by their kinds; each is started when it is first asked for."""

    def __init__(self, start: Callable[[str], Site]) -> None:
        self._start = start

    def __missing__(self, kind: str) -> Site:
        self[kind] = self._start(kind)
        return self[kind]


@contextmanager
def both_sites(browser: Browser, hub: LocalHub, folder: Path) -> Iterator[Sites]:
    """Push two models to the Hub and serve them by the app and by a static page, both in a wide, light window."""
    one, two = random_model(1000), random_model(3)
    one.training = {"examples": ["ROMEO:"], "corpus": "one", "repo": ONE}
    hub.add_repo(ONE, saved_files(one, folder / "one"))
    hub.add_repo(TWO, saved_files(two, folder / "two"))
    commit = hub.repos[ONE].commit("main").oid
    with ExitStack() as stack:

        def start(kind: str) -> Site:
            context = browser.new_context(locale="en-US", **window(WIDE), **QUIET)
            stack.callback(context.close)
            if kind == "app":
                registry = ModelRegistry([ONE, TWO])
                registry.start()
                assert registry.wait(60)
                app = stack.enter_context(serving(registry))
            else:
                write_static(folder / "site", one)
                app = App(stack.enter_context(serve(folder / "site")), ModelRegistry())
            return Site(kind, app, one, two, commit, hub.url, browser, context)

        yield Sites(start)


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
