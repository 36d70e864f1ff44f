"""Broken connections and restarted servers: the reply continues with the same characters.

Which answers break a connection is in tests/unit/web/engines/server.test.js.
"""

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from model import CharLSTM
from tests.browser.driving import (
    button,
    continued,
    fast,
    footer,
    log,
    open_page,
    reply,
    send,
    setting,
    settled,
    stored_logs,
    turns,
)
from tests.browser.looking import choose_lens
from tests.browser.one_conversation import LENGTH, SEED, begin, check_continue, expected, through
from tests.support.app_server import App, eventually, random_model, serving
from tests.support.unreliable_network import Network, network


@pytest.fixture(scope="module")
def lm() -> CharLSTM:
    return random_model()


@pytest.fixture(scope="module")
def app(lm: CharLSTM) -> Iterator[App]:
    with serving({"random": lm}) as app:
        yield app


@pytest.fixture(scope="module")
def proxy(app: App) -> Iterator[Network]:
    with network(port_of(app.url)) as proxy:
        yield proxy


@pytest.fixture
def net(app: App, proxy: Network) -> Iterator[Network]:
    """A network between the pages and the app, which is restored after each test."""
    yield proxy
    proxy.server = port_of(app.url)
    proxy.restore()


def port_of(url: str) -> int:
    return urlsplit(url).port or 80


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
    fast(page, length - len(text))
    continued(page, length)
    assert reply(page) == expected(lm, length)


def test_a_reload_while_the_server_loads_its_model_restores_the_prompt(
    app: App, net: Network, context: BrowserContext, lm: CharLSTM, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No character of the reply was generated, so the reply cannot begin, and the prompt must stay."""
    page, _ = open_page(context, through(net, app))
    setting(page, "Seed", SEED)
    fast(page, LENGTH)
    net.cut()
    send(page, "ROMEO:", wait=False)
    expect_retries(page)
    eventually(lambda: "ROMEO:" in str(stored_logs(page)))
    monkeypatch.setattr("ui.registry.registry.WAIT_S", 1.0)
    [entry] = app.registry.entries
    loaded, entry.loaded = entry.loaded, None
    entry.done.clear()
    app.registry.settled.clear()
    net.restore()
    page.reload()
    expect(page.get_by_role("textbox", name="Prompt")).to_have_value("ROMEO:")
    expect(page.get_by_text("Loading random …")).to_be_visible()
    entry.loaded = loaded
    entry.done.set()
    app.registry.settled.set()
    expect(page.get_by_text("Loading random …")).to_be_hidden()
    button(page, "Send").click()
    expect(turns(page)).to_have_count(1)
    settled(page)
    assert reply(page) == expected(lm)


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
        fast(page)
        continued(page, len(text) + length)
        assert reply(page).startswith(text)
        expect(turns(page).last.locator(".notice")).to_contain_text("2222222")
