"""Broken connections, proxies and restarted servers: the reply continues with the same characters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from model import CharLSTM, SamplingParams
from tests.browser.driving import (
    QUIET,
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
    turns,
)
from tests.browser.looking import choose_lens
from tests.browser.one_conversation import LENGTH, SEED, begin, check_continue, expected, through
from tests.local_hub import LocalHub
from tests.support.app_server import App, eventually, random_model, serving
from tests.support.tiny_models import saved_files
from tests.support.unreliable_network import Network, network
from ui.access.limits import TooManyError
from ui.registry.auto_update import AutoUpdater
from ui.registry.registry import ModelRegistry

BAD_GATEWAY = b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 20\r\n\r\n<h1>Bad Gateway</h1>"
LOGIN = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 15\r\n\r\n<h1>Log in</h1>"
NAME = "ada/novel"


@pytest.fixture(scope="module")
def lm() -> CharLSTM:
    return random_model()


@pytest.fixture(scope="module")
def app(lm: CharLSTM) -> Iterator[App]:
    with serving({"random": lm}) as app:
        yield app


@pytest.fixture
def net(app: App) -> Iterator[Network]:
    with network(port_of(app.url)) as net:
        yield net


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(**QUIET)
    yield context
    context.close()


def port_of(url: str) -> int:
    return urlsplit(url).port or 80


def expect_retries(page: Page) -> None:
    expect(turns(page).last.locator(".status")).to_contain_text("Trying again")


@pytest.mark.parametrize("outage_s", [2, 60])
def test_an_outage_of_the_network_during_a_reply(
    app: App, net: Network, context: BrowserContext, lm: CharLSTM, outage_s: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if outage_s == 60:
        monkeypatch.setattr("ui.routes.running_replies.RETURN_S", 0.2)
    context.clock.install()
    page = begin(context, through(net, app))
    net.cut()
    expect_retries(page)
    page.clock.fast_forward(1000 * outage_s)
    expect_retries(page)
    if outage_s == 60:  # the server has aborted the reply
        eventually(lambda: app.served("random").engine.running == 0)
    net.restore()
    settled(page)
    assert reply(page) == expected(lm)
    expect(footer(page)).to_contain_text("length reached")
    check_continue(page, lm)


def test_an_outage_of_the_network_before_a_click(app: App, net: Network, context: BrowserContext, lm: CharLSTM) -> None:
    context.clock.install()
    page = begin(context, through(net, app))
    settled(page)
    net.cut()
    page.clock.fast_forward(60_000)
    fast(page)
    button(page, "Continue").click()
    expect_retries(page)
    net.restore()
    settled(page)
    assert reply(page) == expected(lm, 2 * LENGTH)


def test_without_a_network_a_lens_says_so_and_reads_the_text_later(
    app: App, net: Network, context: BrowserContext
) -> None:
    page = begin(context, through(net, app))
    settled(page)
    choose_lens(page, "How surprised?")
    expect(page.locator(".log .reply i[class*=b]").first).to_be_visible()
    choose_lens(page, "Text")
    context.set_offline(True)
    net.cut()
    log(page).press("Home")
    log(page).press("Enter")
    alternatives = page.get_by_role("dialog", name="What else could stand instead of")
    expect(alternatives).to_contain_text("The connection was lost. Trying again …")
    page.keyboard.press("Escape")
    expect(alternatives).to_be_hidden()
    choose_lens(page, "What it remembers")
    coloured = ".log .reply i:is(.n1, .n2, .n3, .n4, .p1, .p2, .p3, .p4)"
    problem = page.get_by_role("region", name="Lens: What it remembers").locator(".problem")
    expect(problem).to_have_text("The connection was lost. Trying again …")
    expect(page.locator(coloured)).to_have_count(0)
    log(page).focus()
    net.restore()
    context.set_offline(False)
    page.keyboard.press("ArrowRight")
    expect(page.locator(".moves-announced").first).to_contain_text("likely, character ")
    expect(page.locator(coloured).first).to_be_visible()
    expect(page.get_by_role("list", name="Gates of the cell").get_by_role("listitem")).to_have_count(4)
    expect(problem).to_be_empty()


def test_the_alternatives_to_a_letter_come_by_themselves_once_the_network_is_back(
    app: App, net: Network, context: BrowserContext
) -> None:
    page = begin(context, through(net, app))
    settled(page)
    alternatives = page.get_by_role("dialog", name="What else could stand instead of")
    choices = alternatives.get_by_role("button", name="instead")
    for position in ("Home", "End"):
        context.set_offline(True)
        net.cut()
        log(page).press(position)
        log(page).press("Enter")
        expect(alternatives).to_contain_text("The connection was lost. Trying again …")
        net.restore()
        context.set_offline(False)
        expect(choices.first).to_be_focused()
        expect(alternatives).not_to_contain_text("The connection was lost.")
        page.keyboard.press("Escape")
        expect(alternatives).to_be_hidden()


def test_stop_keeps_the_message_that_the_connection_was_lost(app: App, net: Network, context: BrowserContext) -> None:
    page = begin(context, through(net, app))
    net.cut()
    expect_retries(page)
    button(page, "Stop").click()
    settled(page)
    expect(turns(page).last.locator(".fault")).to_have_text("The connection was lost.")


def test_connections_that_break_at_any_byte(app: App, net: Network, context: BrowserContext) -> None:
    """They break in the middle of an event, a character, an escape, or the length of a chunk."""
    net.breaks_after = 500
    page = begin(context, through(net, app), "é🙂")
    settled(page)
    expect(footer(page)).to_contain_text("length reached")
    text = reply(page)
    net.breaks_after = 0
    unbroken = begin(context, app, "é🙂")
    settled(unbroken)
    assert text == reply(unbroken)


def test_a_proxy_that_buffers_the_reply(app: App, net: Network, context: BrowserContext, lm: CharLSTM) -> None:
    """After twenty seconds without a byte the page sends the request again."""
    context.clock.install()
    net.buffers = True
    page = begin(context, through(net, app), least=0)
    eventually(lambda: app.served("random").engine.running)
    page.clock.fast_forward(21_000)
    settled(page)
    assert reply(page) == expected(lm)
    check_continue(page, lm)


@pytest.mark.parametrize("answer", [BAD_GATEWAY, LOGIN], ids=["502", "login"])
def test_a_proxy_that_answers_instead_of_the_server(
    app: App, net: Network, context: BrowserContext, lm: CharLSTM, answer: bytes
) -> None:
    page = begin(context, through(net, app))
    net.cut()
    net.answer = answer
    net.restore()
    expect_retries(page)
    net.answer = b""
    settled(page)
    assert reply(page) == expected(lm)
    net.cut()  # closes the open connections
    net.answer = answer
    net.restore()
    fast(page)
    button(page, "Continue").click()
    expect_retries(page)
    net.answer = b""
    settled(page)
    assert reply(page) == expected(lm, 2 * LENGTH)


def test_a_refusal_of_a_busy_server_keeps_the_prompt(
    app: App, context: BrowserContext, lm: CharLSTM, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise TooManyError("refusal.replies_at_once", wait_s=1, most=64)

    with monkeypatch.context() as patch:
        patch.setattr("ui.access.limits.Limiter.begin_reply", refuse)
        page, _ = open_page(context, app)
        setting(page, "Seed", SEED)
        fast(page, LENGTH)
        page.get_by_role("textbox", name="Prompt").fill("ROMEO:")
        button(page, "Send").click()
        expect(log(page).locator(".refusal")).to_be_visible()
        expect(page.get_by_role("textbox", name="Prompt")).to_have_value("ROMEO:")
    button(page, "Send").click()
    expect(turns(page)).to_have_count(1)
    settled(page)
    assert reply(page) == expected(lm)


def test_a_reply_that_reaches_the_deadline_of_the_server(
    app: App, context: BrowserContext, lm: CharLSTM, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("ui.conversation.progress.DEADLINE_S", 1.0)
        page = begin(context, app)
        settled(page)
    text = reply(page)
    assert 20 < len(text) < LENGTH
    assert expected(lm).startswith(text)
    expect(footer(page)).to_contain_text("minutes")
    fast(page, 2 * LENGTH - len(text))
    continued(page, 2 * LENGTH)
    assert reply(page) == expected(lm, 2 * LENGTH)


def test_a_server_that_restarts_during_a_reply(context: BrowserContext, lm: CharLSTM) -> None:
    """The second server has the same model and no state of the first one."""
    with serving({"random": lm}) as first, network(port_of(first.url)) as net:
        page = begin(context, through(net, first))
        net.cut()
        with serving({"random": lm}) as second:
            net.servers = [port_of(second.url)]
            first.registry.stop()
            net.restore()
            settled(page)
            assert reply(page) == expected(lm)
            check_continue(page, lm)


def test_a_server_that_is_restarted_between_two_turns(context: BrowserContext, lm: CharLSTM) -> None:
    with serving({"random": lm}) as first, network(port_of(first.url)) as net:
        page = begin(context, through(net, first))
        settled(page)
        net.cut()
        net.servers = []  # nothing listens
        net.restore()
        fast(page)
        button(page, "Continue").click()
        expect_retries(page)
        with serving({"random": lm}) as second:
            net.servers = [port_of(second.url)]
            settled(page)
            assert reply(page) == expected(lm, 2 * LENGTH)


def test_a_reload_while_the_server_loads_its_model_restores_the_prompt(
    context: BrowserContext, lm: CharLSTM, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No character of the reply was generated, so the reply cannot begin, and the prompt must stay."""
    with serving({"random": lm}) as first, network(port_of(first.url)) as net:
        page, _ = open_page(context, through(net, first))
        setting(page, "Seed", SEED)
        setting(page, "Length", LENGTH)
        net.cut()
        fast(page)
        send(page, "ROMEO:", wait=False)
        expect_retries(page)
        monkeypatch.setattr("ui.registry.lookup.WAIT_S", 1.0)
        [entry] = first.registry.entries
        loaded, entry.loaded = entry.loaded, None
        entry.done.clear()
        first.registry._settled.clear()
        net.restore()
        page.reload()
        expect(page.get_by_role("textbox", name="Prompt")).to_have_value("ROMEO:")
        expect(page.get_by_text("Loading random …")).to_be_visible()
        entry.loaded = loaded
        entry.done.set()
        first.registry._settled.set()
        expect(page.get_by_text("Loading random …")).to_be_hidden()
        button(page, "Send").click()
        expect(turns(page)).to_have_count(1)
        settled(page)
        assert reply(page) == expected(lm)


class Pushes:
    """A model on a local Hub, served by an app that updates itself."""

    def __init__(self, hub: LocalHub, folder: Path) -> None:
        self.hub, self.folder = hub, folder
        self.repo = hub.add_repo(NAME)

    def push(self, seed: int) -> str:
        return self.hub.commit(self.repo, saved_files(random_model(seed), self.folder))


@pytest.fixture
def pushes(hub: LocalHub, tmp_path: Path) -> Pushes:
    return Pushes(hub, tmp_path / "model")


@pytest.mark.parametrize("phase", ["between two turns", "during a reply that is cut"])
def test_a_newer_commit_is_served(
    context: BrowserContext, pushes: Pushes, phase: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The older commit ends its running reply, also after a broken connection; the newer one continues it."""
    monkeypatch.setattr("ui.routes.site.AGAIN_S", 0.1)
    pushes.push(0)
    registry = ModelRegistry([NAME])
    registry.start()
    assert registry.wait(60)
    updater = AutoUpdater(registry, 0.1)
    with serving(registry) as app, network(port_of(app.url)) as net:
        updater.start()
        page = begin(context, through(net, app))
        if phase == "between two turns":
            settled(page)
        newer = pushes.push(1)
        eventually(lambda: app.served(NAME).commit == newer)
        if phase.endswith("cut"):
            net.cut()
            expect_retries(page)
            net.restore()
        settled(page)
        assert reply(page) == expected(random_model(0))
        expect(page.locator("#about")).to_contain_text(f"commit {newer[:7]}")
        fast(page)
        continued(page, 2 * LENGTH)
        expect(turns(page).last.locator(".notice")).to_contain_text(newer[:7])
        text = "ROMEO:" + expected(random_model(0))
        params = SamplingParams(seed=SEED, length=LENGTH)
        sequence = app.served(NAME).engine.add_request(text, params, draw_offset=LENGTH)
        assert sequence.wait(60)
        assert reply(page) == expected(random_model(0)) + sequence.text
        updater.stop()


def test_a_commit_that_is_no_longer_served_when_the_page_reconnects(context: BrowserContext, net: Network) -> None:
    """Another server has only the newer commit: the text stays, and Continue uses the newer commit."""
    length = 600  # 10 seconds: the connection must break before the end
    with serving({"random": random_model()}) as first:
        net.servers = [port_of(first.url)]
        page = begin(context, through(net, first), length=length)
        net.cut()
        newer = replace(random_model(1), commit="2" * 40)
        with serving({"random": newer}) as second:
            net.servers = [port_of(second.url)]
            net.restore()
            settled(page)
            text = reply(page)
            assert expected(random_model(), length).startswith(text)
            expect(log(page).locator(".refusal")).to_be_visible()
            expect(page.locator("#about")).to_contain_text("commit 2222222")
            fast(page)
            continued(page, len(text) + length)
            assert reply(page).startswith(text)
            expect(turns(page).last.locator(".notice")).to_contain_text("2222222")
