"""Ways to lose a conversation: after each, the text is there, and what follows is what would have followed."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from model import CharLSTM, generate
from tests.browser.driving import button, fast, foot, open_page, reply, send, setting, settled, turns
from tests.support.app_server import App, eventually, random_model, serving
from tests.support.ports import free_port
from tests.support.unreliable_network import Network, network

LENGTH = 240
SEED = 7


@pytest.fixture(scope="module")
def lm() -> CharLSTM:
    return random_model()


@pytest.fixture(scope="module")
def app(lm: CharLSTM) -> Iterator[App]:
    with serving({"random": lm}) as app:
        yield app


@pytest.fixture
def net(app: App) -> Iterator[Network]:
    with network(urlsplit(app.url).port or 80) as net:
        yield net


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context()
    yield context
    context.close()


def through(net: Network, app: App) -> App:
    """The app as it is behind a network."""
    return App(net.url, app.registry)


def begin(context: BrowserContext, app: App, prompt: str = "ROMEO:", *, length: int = LENGTH) -> Page:
    """Opens the page and begins a reply at 60 characters per second."""
    page, _ = open_page(context, app)
    setting(page, "Length", length)
    page.get_by_role("spinbutton", name="Seed").fill(str(SEED))
    send(page, prompt, wait=False)
    eventually(lambda: len(reply(page)) > 20)
    return page


def expected(lm: CharLSTM, length: int = LENGTH, prompt: str = "ROMEO:") -> str:
    return generate(lm, prompt, length, seed=SEED)


def continues(page: Page, lm: CharLSTM, length: int = LENGTH) -> None:
    """Continue writes what a longer reply would have had."""
    fast(page)
    button(page, "Continue").click()
    expect(foot(page)).to_contain_text(f"{2 * length} characters")
    settled(page)
    assert reply(page) == expected(lm, 2 * length)


def test_back_and_forward(app: App, context: BrowserContext, lm: CharLSTM) -> None:
    page = begin(context, app)
    page.goto("about:blank")
    page.go_back()
    settled(page)
    assert reply(page) == expected(lm)
    page.go_back()
    page.go_forward()
    settled(page)
    continues(page, lm)


@pytest.mark.parametrize("away_s", [0, 3])
def test_a_broken_connection_during_a_reply(
    app: App, net: Network, context: BrowserContext, lm: CharLSTM, away_s: float
) -> None:
    page = begin(context, through(net, app))
    net.cut()
    if away_s:
        expect(turns(page).last.locator(".status")).to_contain_text("Trying again")
        page.wait_for_timeout(1000 * away_s)
    net.restore()
    settled(page)
    assert reply(page) == expected(lm)
    expect(foot(page)).to_contain_text("length reached")
    continues(page, lm)


def test_a_reader_who_stays_away_longer_than_the_server_waits(
    app: App, net: Network, context: BrowserContext, lm: CharLSTM, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.routes.running_replies.RETURN_S", 0.5)
    page = begin(context, through(net, app))
    net.cut()
    eventually(lambda: app.served("random").engine.running == 0)
    net.restore()
    settled(page)
    assert reply(page) == expected(lm)


def test_a_click_without_a_connection(app: App, net: Network, context: BrowserContext, lm: CharLSTM) -> None:
    page = begin(context, through(net, app))
    settled(page)
    net.cut()
    fast(page)
    button(page, "Continue").click()
    expect(turns(page).last.locator(".status")).to_contain_text("Trying again")
    net.restore()
    settled(page)
    assert reply(page) == expected(lm, 2 * LENGTH)


def test_a_server_that_restarts_during_a_reply(context: BrowserContext, lm: CharLSTM) -> None:
    """Another process with the same model, which knows nothing of the first one."""
    with serving({"random": lm}) as first, network(urlsplit(first.url).port or 80) as net:
        page = begin(context, through(net, first))
        net.cut()
        with serving({"random": lm}) as second:
            net.servers = [urlsplit(second.url).port or 80]
            first.registry.stop()
            net.restore()
            settled(page)
            assert reply(page) == expected(lm)
            continues(page, lm)


def test_a_server_that_is_away_while_the_page_is_idle(context: BrowserContext, lm: CharLSTM) -> None:
    with serving({"random": lm}) as first, network(urlsplit(first.url).port or 80) as net:
        page = begin(context, through(net, first))
        settled(page)
        net.cut()
        net.servers = [free_port()]
        net.restore()
        fast(page)
        button(page, "Continue").click()
        expect(turns(page).last.locator(".status")).to_contain_text("Trying again")
        with serving({"random": lm}) as second:
            net.servers = [urlsplit(second.url).port or 80]
            settled(page)
            assert reply(page) == expected(lm, 2 * LENGTH)


def test_two_tabs_each_keep_their_own(app: App, context: BrowserContext, lm: CharLSTM) -> None:
    one = begin(context, app)
    other = begin(context, app, "JULIET:")
    for page in (one, other):
        settled(page)
    for page, prompt in ((one, "ROMEO:"), (other, "JULIET:")):
        page.reload()
        expect(turns(page)).to_have_count(1)
        assert reply(page) == expected(lm, prompt=prompt)


def test_a_new_tab_finds_earlier_conversations_and_can_delete_them(app: App, context: BrowserContext) -> None:
    page = begin(context, app)
    settled(page)
    page.close()
    other, _ = open_page(context, app)
    expect(turns(other)).to_have_count(0)
    other.get_by_text("Earlier conversations").click()
    expect(other.locator("#history li")).to_have_count(1)
    other.locator("#history li .delete").click()
    expect(other.locator("#history")).to_be_hidden()


def test_undo_redo_and_branches_survive_a_reload(app: App, context: BrowserContext) -> None:
    page = begin(context, app)
    settled(page)
    fast(page)
    page.get_by_role("spinbutton", name="Seed").fill("8")
    button(page, "Retry").click()
    expect(foot(page)).to_contain_text("seed 8")
    settled(page)
    second = reply(page)
    button(page, "Undo").click()
    expect(foot(page)).to_contain_text("seed 7")
    page.reload()
    expect(foot(page)).to_contain_text("seed 7")
    button(page, "Redo").click()
    expect(foot(page)).to_contain_text("seed 8")
    assert reply(page) == second
    expect(page.locator(".branches button")).to_have_count(2)


@pytest.mark.parametrize("kind", ["refused", "full"])
def test_a_browser_that_stores_nothing_is_reported_and_the_page_works(
    app: App, context: BrowserContext, lm: CharLSTM, kind: str
) -> None:
    message = "SecurityError" if kind == "refused" else "QuotaExceededError"
    context.add_init_script(f"Storage.prototype.setItem = () => {{ throw new DOMException('no', '{message}'); }};")
    page = begin(context, app)
    settled(page)
    expect(page.get_by_text("This browser stores nothing for this page")).to_be_visible()
    continues(page, lm)


@pytest.mark.parametrize(
    "value",
    ['"x"', "{", '{"log": {"version": 1, "id": "x", "turns": [{}]}}', '{"log": {"version": 99}}', "null", "[" * 5000],
)
def test_a_stored_value_that_is_damaged_does_no_harm(app: App, context: BrowserContext, value: str) -> None:
    context.add_init_script(
        f"""if (!sessionStorage.getItem("planted")) {{
          sessionStorage.setItem("planted", 1);
          sessionStorage.setItem("char-lstm/current", "x");
          localStorage.setItem("char-lstm/conversation/x", {value!r});
        }}"""
    )
    page, complaints = open_page(context, app)
    fast(page)
    setting(page, "Length", 20)
    send(page, "a")
    assert len(reply(page)) == 20
    assert not complaints
