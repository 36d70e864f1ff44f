"""Broken connections and restarted servers: the reply continues with the same characters.

Which answers break a connection is in tests/unit/web/engines/server.test.js.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from model import CharLSTM, generate
from tests.browser.driving import (
    continued,
    fast,
    footer,
    log,
    open_page,
    reply,
    send,
    setting,
    settled,
    turns,
)
from tests.browser.looking import choose_lens
from tests.support.app_server import App, eventually, random_model, serving
from tests.support.http_server import HttpServer

LENGTH = 100
SEED = 7


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


def expected(lm: CharLSTM, length: int = LENGTH) -> str:
    return generate(lm, "ROMEO:", length, seed=SEED)


def check_continue(page: Page, lm: CharLSTM) -> None:
    """Check that Continue writes the rest of a reply of twice the length."""
    fast(page)
    continued(page, 2 * LENGTH)
    assert reply(page) == expected(lm, 2 * LENGTH)


class Network:
    """A network between a browser and a server that a test can cut: a TCP proxy in threads of the test's process.

    Attributes:
        server: the port that connections are forwarded to; may be changed at any time.
        is_up: whether new connections are accepted; while it is not, each is closed at once.
    """

    def __init__(self, server: int) -> None:
        self.server = server
        self.is_up = True
        self._proxy = HttpServer(0, lambda client, *_: self._serve(client)).start()
        self.url = f"{self._proxy.url}/"

    def stop(self) -> None:
        self._proxy.stop()

    def cut(self) -> None:
        """Closes all connections, and refuses new ones until ``restore``."""
        self.is_up = False
        self._proxy.drop_connections()

    def restore(self) -> None:
        self.is_up = True

    def _serve(self, client: socket.socket) -> None:
        if self.is_up:
            with socket.create_connection(("127.0.0.1", self.server)) as server:
                back = threading.Thread(target=_forward, args=(server, client), daemon=True)
                back.start()
                _forward(client, server)
                back.join()


def _forward(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    for each in (source, target):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def lm() -> CharLSTM:
    return random_model()


@pytest.fixture(scope="module")
def app(lm: CharLSTM) -> Iterator[App]:
    with serving({"random": lm}) as app:
        yield app


@pytest.fixture
def net(app: App) -> Iterator[Network]:
    net = Network(port_of(app.url))
    yield net
    net.stop()


def port_of(url: str) -> int:
    return urlsplit(url).port or 80


def through(net: Network, app: App) -> App:
    return App(net.url, app.registry)


def expect_retries(page: Page) -> None:
    expect(turns(page).last.locator(".status")).to_contain_text("Trying again")


def test_an_outage_of_the_network_during_a_reply(
    app: App, net: Network, new_context: BrowserContext, lm: CharLSTM
) -> None:
    new_context.clock.install()
    page = begin(new_context, through(net, app), speed=5, least=1)
    net.cut()
    expect_retries(page)
    page.clock.fast_forward(60_000)
    expect_retries(page)
    eventually(lambda: app.served("random").engine.running == 0)  # the server has aborted the reply
    net.restore()
    fast(page)
    settled(page)
    assert reply(page) == expected(lm)
    expect(turns(page).last.locator(".status")).to_have_count(0)
    expect(footer(page)).to_contain_text("length reached")
    check_continue(page, lm)


PANELS = """async () => {
    const page = document.querySelector('script[type=module][src]').src;
    const { panels } = await import(new URL('lenses/state.js', page).href);
    while (!panels.value) await new Promise(requestAnimationFrame); // the page imports them soon
}"""


def test_without_a_network_a_lens_says_so_and_reads_the_text_later(
    app: App, net: Network, context: BrowserContext
) -> None:
    page = begin(context, through(net, app), speed=200)
    settled(page)
    page.evaluate(PANELS)
    context.set_offline(True)
    net.cut()
    log(page).press("End")
    log(page).press("Enter")
    alternatives = page.get_by_role("dialog", name="What else could stand instead of")
    expect(alternatives).to_contain_text("The connection was lost. Trying again …")
    net.restore()
    context.set_offline(False)
    expect(alternatives.get_by_role("button", name="instead").first).to_be_focused()
    expect(alternatives).not_to_contain_text("The connection was lost.")
    page.keyboard.press("Escape")
    expect(alternatives).to_be_hidden()
    context.set_offline(True)
    net.cut()
    choose_lens(page, "What it remembers")
    coloured = ".log .reply i:is(.n1, .n2, .n3, .n4, .p1, .p2, .p3, .p4)"
    problem = page.get_by_role("region", name="Lens: What it remembers").locator(".problem")
    expect(problem).to_have_text("The connection was lost. Trying again …")
    expect(page.locator(coloured)).to_have_count(0)
    net.restore()
    context.set_offline(False)
    expect(page.locator(coloured).first).to_be_visible()
    page.get_by_text("Other cells, gates and numbers").click()
    expect(page.get_by_role("list", name="Gates of the cell").get_by_role("listitem")).to_have_count(4)
    expect(problem).to_be_empty()


def test_a_reply_that_reaches_the_deadline_of_the_server(
    app: App, context: BrowserContext, lm: CharLSTM, monkeypatch: pytest.MonkeyPatch
) -> None:
    length = 400
    with monkeypatch.context() as patch:
        patch.setattr("ui.routes.write.DEADLINE_S", 2.0)
        page = begin(context, app, length=length, least=1)  # 7 seconds
        settled(page)
    text = reply(page)
    assert expected(lm, length).startswith(text)
    assert text != expected(lm, length)
    expect(turns(page).last.locator(":scope > .footer")).to_contain_text("minutes")
    fast(page, 40)
    continued(page, len(text) + 40)
    assert reply(page) == expected(lm, len(text) + 40)


def test_a_commit_that_is_no_longer_served_when_the_page_reconnects(
    app: App, context: BrowserContext, net: Network, lm: CharLSTM
) -> None:
    """Another server has only the newer commit: the text stays, and Continue uses the newer commit."""
    length = 600
    page = begin(context, through(net, app), length=length, speed=5, least=1)
    net.cut()
    newer = replace(random_model(1), commit="2" * 40)
    with serving({"random": newer}) as second:
        net.server = port_of(second.url)
        net.restore()
        settled(page)
        text = reply(page)
        assert expected(lm, length).startswith(text)
        expect(log(page).locator(".refusal")).to_be_visible()
        expect(page.locator("#about")).to_contain_text("commit 2222222")
        fast(page, 40)
        continued(page, len(text) + 40)
        assert reply(page).startswith(text)
        expect(turns(page).last.locator(".notice")).to_contain_text("2222222")
