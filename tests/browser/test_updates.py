"""A page that stays open while a newer commit of its model is served, or refused."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect

from model import CharLSTM, generate
from tests.browser.driving import button, continued, fast, log, more, reply, send, setting, turns
from tests.support.app_server import App, random_model, serving
from tests.support.both_pages import new_line
from ui.messages import Message
from ui.registry.registry import Entry, ModelRegistry

NAME = "ada/novel"


def commit(seed: int) -> CharLSTM:
    return replace(random_model(seed), commit=f"{seed}" * 40, name=NAME)


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    with pytest.MonkeyPatch.context() as patch, serving(ModelRegistry([NAME])) as app:
        patch.setattr("ui.routes.site.AGAIN_S", 0.1)
        yield app


@pytest.fixture
def entry(app: App) -> Entry:
    """Return the registry entry of the page's model, at its first commit."""
    [entry] = app.registry.auto_updated
    app.registry.replace(entry, commit(1))
    return entry


def test_an_open_page_shows_its_commit_and_the_conversation_continues(entry: Entry, page: Page, app: App) -> None:
    expect(page.locator("#about")).to_contain_text("commit 1111111")
    fast(page, 30)
    setting(page, "Seed", 7)
    send(page, "ROMEO:")
    begun = reply(page)
    served = app.registry.replace(entry, commit(2))
    expect(page.locator("#about")).to_contain_text("commit 2222222")
    assert reply(page) == begun
    send(page, "and?")
    assert reply(page) == generate(served.lm, new_line(f"ROMEO:{begun}") + "and?", 30, temperature=0.8, seed=7)
    expect(turns(page).last.locator(".notice")).to_have_text(
        "Commit 2222222 of this model is served now, in place of 1111111; it has read the text so far."
    )
    more(page, "Take back the last text")
    continued(page, 60)
    assert reply(page) == begun + generate(served.lm, f"ROMEO:{begun}", 30, temperature=0.8, seed=7, draw_offset=30)
    button(page, "Share").click()
    expect(page.locator("#share-link")).to_contain_text("Two commits of the model wrote this")
    served.refused_commit = Message("model.commit_refused", commit="3333333", reason="model.safetensors is damaged")
    app.registry.bump_version()
    expect(page.locator("#about")).to_contain_text("commit 3333333 is not served: model.safetensors is damaged")
    button(page, "New conversation").click()
    expect(log(page)).to_contain_text(served.welcome_text.split("\n")[0])
    served = app.registry.replace(entry, commit(4))
    expect(log(page)).to_contain_text(served.welcome_text.split("\n")[0])
    expect(page.locator("#about")).not_to_contain_text("3333333")
