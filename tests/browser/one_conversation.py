"""One reply that tests start and continue in a browser, and its expected text."""

from playwright.sync_api import BrowserContext, Page

from model import CharLSTM, generate
from tests.browser.driving import continued, fast, open_page, reply, send, setting
from tests.support.app_server import App, eventually
from tests.support.unreliable_network import Network

LENGTH = 100
SEED = 7


def through(net: Network, app: App) -> App:
    """Return the app behind an unreliable network."""
    return App(net.url, app.registry)


def begin(context: BrowserContext, app: App, *, length: int = LENGTH, speed: int = 60, least: int = 20) -> Page:
    """Open the page and start a reply; returns once `least` characters are shown.

    A test that interrupts the reply gives a slow speed: on a busy machine the reply would end before.
    """
    page, _ = open_page(context, app)
    setting(page, "Speed", speed)
    setting(page, "Length", length)
    setting(page, "Seed", SEED)
    send(page, "ROMEO:", wait=False)
    eventually(lambda: len(reply(page)) >= least)
    return page


def expected(lm: CharLSTM, length: int = LENGTH, prompt: str = "ROMEO:") -> str:
    return generate(lm, prompt, length, seed=SEED)


def check_continue(page: Page, lm: CharLSTM, length: int = LENGTH, prompt: str = "ROMEO:") -> None:
    """Check that Continue writes the rest of a reply of twice the length."""
    fast(page)
    continued(page, 2 * length)
    assert reply(page) == expected(lm, 2 * length, prompt)
