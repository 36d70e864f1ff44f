"""The form that publishes a model: filled in by a visitor with a token, or signed in on the Hub."""

import html
import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from model import CharLSTM, generate
from tests.browser.driving import button, complaints_of, fast, reply, send
from tests.browser.test_train_page import FEW, NAME, begin, ended, give, packed, start
from tests.local_hub import LocalHub
from tests.support.app_server import add_model, random_model, serving
from tests.support.chromium import serve
from tests.support.tiny_models import tiny_model
from training.card.public_text import line
from training.card.summary import write_welcome
from training.hub.space_files import write_static
from ui.registry.registry import ModelRegistry

__all__ = ["packed"]  # a fixture

SHOWN = "letters"  # the name as visitors read it
SPACE = "ada/trainer"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    write_static(folder, tiny_model(seed=5))
    return folder


def opened(context: BrowserContext, url: str, packed: bytes) -> Page:
    """Open the page, a model in it, and the form that publishes the model."""
    page = context.new_page()
    page.goto(f"{url}#train")
    file = {"name": "letters.zip", "mimeType": "application/zip", "buffer": packed}
    page.locator(".model-file").set_input_files(file)  # type: ignore[arg-type]
    button(page, f"Publish {SHOWN}").click()
    expect(form(page)).to_be_visible()
    return page


def form(page: Page) -> Locator:
    return page.locator(".publishing form")


def refusal(page: Page) -> Locator:
    return page.locator(".publishing [role=alert]")


def fill(page: Page, token: str, name: str = "letters") -> None:
    page.get_by_label("Name on the Hub").fill(name)
    page.get_by_label("Token of the Hub").fill(token)
    page.get_by_label("I may give away").check()


def space_url(hub: LocalHub, site: Path) -> str:
    """Host the page as a static Space; returns its address."""
    files = {path.relative_to(site).as_posix(): path.read_bytes() for path in site.rglob("*") if path.is_file()}
    hub.add_repo(SPACE, files, kind="space")
    return f"{hub.url}/static/{SPACE}/"


def stored(page: Page) -> str:
    texts: str = page.evaluate("JSON.stringify([{ ...localStorage }, { ...sessionStorage }])")
    return texts


def test_a_visitor_publishes_with_a_token(
    new_context: BrowserContext, hub: LocalHub, token: str, site: Path, packed: bytes
) -> None:
    with serve(site) as url:
        page = opened(new_context, url, packed)
        assert [logged.target for logged in hub.log] == []
        expect(page.get_by_label("Name on the Hub")).to_have_value("letters")
        expect(page.get_by_label("Private: only you see it")).to_be_checked()
        expect(button(page, "Sign in with Hugging Face")).to_be_hidden()
        page.get_by_label("Title").fill("My letters")
        page.get_by_label("Licence of the text").select_option("cc-by-4.0")
        page.get_by_label("With a page (Space)").check()
        page.get_by_label("Token of the Hub").fill("hf_wrong")
        button(page, "Publish").click()
        assert [logged.target for logged in hub.log] == []  # the visitor has not said that they may
        page.get_by_label("I may give away").check()
        button(page, "Publish").click()
        expect(refusal(page)).to_contain_text("The Hub does not know this token")
        expect(page.get_by_label("Token of the Hub")).to_have_value("")  # it is used once
        hub.fail("POST /api/spaces/.*/commit/", 500)
        fill(page, token)
        button(page, "Publish").click()
        expect(refusal(page)).to_contain_text("The model is on the Hub, but its page (Space) is not: The Hub ref")
        expect(page.locator(".published a")).to_have_text([f"{hub.url}/ada/letters"])
        fill(page, token)
        button(page, "Publish").click()
        expect(page.locator(".published a")).to_have_text([f"{hub.url}/ada/letters", f"{hub.url}/spaces/ada/letters"])
        expect(form(page)).to_be_hidden()
        assert token not in stored(page) + page.content()
    card = hub.read("ada/letters", "README.md").decode()
    assert "# My letters" in card
    assert "cc-by-4.0" in card
    assert hub.repos["ada/letters"].private
    assert hub.repos["spaces/ada/letters"].private
    assert generate(CharLSTM.from_pretrained("ada/letters"), "a", 50, seed=1) == generate(tiny_model(), "a", 50, seed=1)


def test_a_visitor_of_the_app_trains_and_publishes_on_its_hub(
    new_context: BrowserContext, hub: LocalHub, token: str
) -> None:
    """The app's link leads to the static page, which has no model until one is trained there."""
    registry = ModelRegistry([])
    add_model(registry, "random", random_model())
    with serving(registry) as app:
        first = new_context.new_page()
        first.goto(app.url)
        with first.expect_popup() as waiting:
            first.get_by_role("link", name="Train on your text (opens a new tab)").click()
        page = waiting.value
        complaints = complaints_of(page)
        page.reload()
        begin(page, FEW)
        expect(page.get_by_role("heading", level=1)).to_have_text("Train on your text")
        back = page.get_by_role("link", name="Back to the start page")
        assert back.evaluate("(link) => link.href") == app.url
        for hidden in (button(page, "Send"), page.get_by_role("combobox"), page.get_by_role("log")):
            expect(hidden).to_have_count(0)
        give(page)
        assert re.search(r"/web/[0-9a-f]{16}/index\.html#train-alone$", page.url)
        start(page)
        ended(page)
        expect(page.locator("#model")).to_have_value(NAME)
        fast(page, 20)
        send(page, "the c")
        assert complaints == []
        button(page, "Publish my-text").click()
        expect(form(page)).to_be_visible()
        expect(button(page, "Sign in with Hugging Face")).to_be_hidden()
        page.get_by_label("Private: only you see it").uncheck()
        page.get_by_label("With a page (Space)").check()
        fill(page, token)
        button(page, "Publish").click()
        expect(page.locator(".published a")).to_have_text([f"{hub.url}/ada/letters", f"{hub.url}/spaces/ada/letters"])
        lm = CharLSTM.from_pretrained("ada/letters")
        first_words = html.escape(line(write_welcome(lm)["text"]))
        index = hub.read("spaces/ada/letters", "index.html").decode()
        assert index.count(f'description" content="{first_words}') == 2, "what chats show"
        page.goto(f"{hub.url}/static/ada/letters/?prompt=the c&seed=1&length=60&speed=200")
        expect(page.locator(".mark")).to_be_visible()
        assert reply(page) == generate(lm, "the c", 60, seed=1)
        new_context.close()  # before the app, whose address it has open


def test_a_visitor_of_a_space_signs_in_and_a_sign_in_that_fails_leaves_the_form(
    new_context: BrowserContext, hub: LocalHub, token: str, site: Path, packed: bytes
) -> None:
    page = opened(new_context, space_url(hub, site), packed)
    expect(page.get_by_label("Token of the Hub")).to_be_hidden()
    page.get_by_label("Title").fill("My letters")
    page.get_by_label("Private: only you see it").uncheck()
    page.get_by_label("I may give away").check()
    button(page, "Sign in with Hugging Face").click()
    page.get_by_role("link", name="Cancel").click()
    expect(refusal(page)).to_contain_text("You are not signed in")
    expect(page.get_by_label("Title")).to_have_value("My letters")
    button(page, "Sign in with Hugging Face").click()
    expect(page.get_by_text("openid profile contribute-repos")).to_be_visible()
    page.get_by_role("link", name="Authorize").click()
    expect(form(page)).to_be_visible()
    expect(refusal(page)).to_be_empty()
    assert re.fullmatch(rf"{hub.url}/static/{SPACE}/#train", page.url)
    expect(page.get_by_label("Title")).to_have_value("My letters")
    expect(page.get_by_label("Private: only you see it")).not_to_be_checked()
    expect(button(page, "Sign in with Hugging Face")).to_be_hidden()
    hub.fail("GET /api/whoami", 401)  # the sign-in has expired
    button(page, "Publish").click()
    expect(refusal(page)).to_contain_text("sign in again")
    button(page, "Sign in with Hugging Face").click()
    page.get_by_role("link", name="Authorize").click()
    button(page, "Publish").click()
    expect(page.locator(".published a")).to_have_text([f"{hub.url}/ada/letters"])
    assert not hub.repos["ada/letters"].private
    commits = hub.requests("POST .*/commit/")
    assert [str(logged.token).startswith("hf_oauth_") for logged in commits] == [True]
    assert "hf_oauth_" not in stored(page) + page.content()
    page.reload()
    button(page, f"Publish {SHOWN}").click()
    expect(button(page, "Sign in with Hugging Face")).to_be_visible()


def test_an_answer_that_nobody_asked_for_is_no_sign_in(new_context: BrowserContext, hub: LocalHub, site: Path) -> None:
    page = new_context.new_page()
    state = json.dumps({"nonce": "x", "redirectUri": "y"})
    page.goto(f"{space_url(hub, site)}?code=stolen&state={state}")
    expect(button(page, "Send")).to_be_enabled()
    assert hub.requests("/oauth/") == []


def test_a_publishing_can_be_cancelled(
    new_context: BrowserContext, hub: LocalHub, token: str, site: Path, packed: bytes
) -> None:
    with serve(site) as url:
        page = opened(new_context, url, packed)
        fill(page, token)
        for pattern in ("PUT /lfs/", "POST .*/preupload/"):
            hub.fail(pattern, "hang", times=1)
            button(page, "Publish").click()
            expect(page.locator(".publishing .report")).to_have_text("Uploading ada/letters …")
            expect(button(page, "Publish")).to_be_disabled()
            button(page, "Cancel").click()
            expect(refusal(page)).to_have_text("Publishing was cancelled.")
            expect(form(page)).to_be_hidden()
            hub.faults.clear()  # requests that hang are answered
            button(page, f"Publish {SHOWN}").click()
            expect(page.get_by_label("Token of the Hub")).to_have_value("")
            fill(page, token)
        fill(page, token, name="others")
        button(page, "Publish").click()
        expect(page.locator(".published a")).to_have_text([f"{hub.url}/ada/others"])
    assert hub.repos["ada/letters"].titles() == ["initial commit"], "the cancelled uploads are not there"
