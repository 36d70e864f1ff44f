"""Share links of the app's page, in real browsers."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Frame, Page, expect

from model import BlockedWords, CharLSTM, generate
from tests.browser.driving import (
    QUIET,
    button,
    choose,
    continued,
    fast,
    log,
    open_page,
    open_settings,
    reply,
    send,
    setting,
    turns,
)
from tests.support.app_server import App, random_model, serving
from tests.support.chromium import serve
from tests.unit.model.int8.test_vectors import tiny
from ui.conversation import States

# Links to texts of `stored_model`. They must reproduce these texts in every later version, whatever models are bundled.
STORED = json.loads((Path(__file__).parents[1] / "vectors" / "links.json").read_text(encoding="utf-8"))
SAME = "The same text, character for character, as when the link was made."
OTHER = (
    "Not the same text: the model on this page may have changed since the link was made,"
    " or the link was changed or cut off."
)
UNCHECKED = "This link is damaged or its end is missing, so its text can't be checked."
STRANGER = "The bold text is by the person who shared this link, the rest by the network."
WEIGHTS = "(all) => all.map((each) => getComputedStyle(each).fontWeight)"
FRAME = '<iframe src="{}" width="900" height="900"></iframe>'
VOCAB = "\n !',-.:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
PROMPT = "<b>ROMEO:</b> & ${1}\n\tis it?"


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    with serving({"random": random_model(), "other": random_model(3)}) as app:
        yield app


def write(page: Page, prompt: str = PROMPT, length: int = 60) -> str:
    fast(page, length)
    send(page, prompt)
    return reply(page)


def link(page: Page | Frame) -> str:
    button(page, "Share").click()  # type: ignore[arg-type]  # a frame has the same ways to find things
    field = page.get_by_role("textbox", name="Link to this text")
    expect(field).to_be_visible()
    return field.input_value()


def test_a_link_opened_after_a_restart_reproduces_the_text(page: Page, app: App, new_context: BrowserContext) -> None:
    setting(page, "Temperature", 1.3)
    write(page)
    continued(page, 120)
    first = reply(page)
    second = write(page, "and 🙂")
    url = link(page)
    assert url.startswith(app.url + "?prompt=")
    vars(app.page.replies.states).update(vars(States()))  # as after a restart
    reader, complaints = open_page(new_context, app, url.removeprefix(app.url).replace("?", "?speed=200&"))
    expect(log(reader).locator(".mark")).to_have_text(SAME)
    expect(turns(reader)).to_have_count(2)
    assert turns(reader).locator(".prompt").all_text_contents() == [PROMPT, "and 🙂"]
    assert turns(reader).locator(".reply").all_text_contents() == [first, second]
    assert turns(reader).locator(".notice").all_text_contents()[0].startswith(STRANGER)
    assert log(reader).inner_text().count(STRANGER) == 1
    weights = turns(reader).first.locator(".prompt, .reply").evaluate_all(WEIGHTS)
    assert weights == ["700", "400"]
    expect(reader.get_by_role("slider", name="Temperature")).to_have_value("1.3")
    expect(log(reader).locator(".welcome")).to_have_count(0)
    expect(button(reader, "Continue")).to_be_enabled()
    assert link(reader).partition("?")[2] == url.partition("?")[2]
    assert not complaints


def test_the_link_is_copied_to_the_clipboard_where_that_is_allowed(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    write(page)
    url = link(page)
    expect(page.locator("#share-link p")).to_contain_text("Link copied")
    assert page.evaluate("navigator.clipboard.readText()") == url
    button(page, "Continue").click()
    expect(page.locator("#share-link")).to_be_hidden()
    page.context.clear_permissions()


def test_an_invalid_link_is_refused_and_no_markup_runs(app: App, page: Page) -> None:
    """Each opens a new conversation; which values are refused is in tests/unit/web/conversation/links.test.js."""
    assert write(page)
    for query, reason in (
        ("seed=1&temperature=9", "Temperature is 9 in this link: it must be a number from 0 to 5"),
        ("temperature=9&length=0", "from 0 to 5. Length is 0 in this link: it must be a whole number"),
        ("prompt=<script>window.hit=1</script>&v=<b>x", "v is '<b>x' in this link: it must be a version of the int8"),
    ):
        page.goto(f"{app.url}?{query}")
        expect(log(page).locator(".refusal")).to_contain_text(reason)
        expect(turns(page)).to_have_count(0)
        assert page.evaluate("window.hit") is None
    prompt = page.get_by_role("textbox", name="Prompt")
    expect(prompt).to_have_value("<script>window.hit=1</script>")
    page.goto(app.url)
    expect(page.locator("#ask [data-move='send']")).to_be_enabled()
    expect(prompt).to_have_value("")


def test_a_link_that_writes_nothing_sets_new_conversations_too_until_another_address_is_opened(
    app: App, page: Page
) -> None:
    length = page.locator("#length")
    for query, value in (("", "500"), ("?length=90", "90"), ("", "500")):
        page.goto(app.url + query)
        expect(length).to_have_value(value)
    page.goto(f"{app.url}?length=90")
    page.locator("#prompt").press_sequentially("ab\n")
    expect(turns(page)).to_have_count(1)
    button(page, "New conversation").click()
    expect(turns(page)).to_have_count(0)
    expect(length).to_have_value("90")


def test_a_link_stops_at_a_blocked_word_and_shows_no_prompt_with_one(
    app: App, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = generate(app.served("random").lm, "ab", 200, seed=1)
    words = [re.findall(r"(?<=\W)[A-Za-z]+(?=\W)", text)[-1], "wolf"]
    monkeypatch.setattr(app.served("random").engine, "blocked", BlockedWords(words))
    page.goto(f"{app.url}?prompt=ab&seed=1&length=200&speed=200&text=0123456789abcdef")
    expect(log(page).locator(".mark")).to_contain_text("a blocked word")
    assert text.startswith(reply(page))
    page.goto(f"{app.url}?prompt=ab&seed=1&length=9&then=a+wolf&seed=2")
    expect(log(page).locator(".refusal")).to_contain_text("Your text contains a blocked word")
    expect(page.get_by_text("wolf")).to_have_count(0)
    expect(turns(page)).to_have_count(0)


def test_a_link_selects_its_model_and_its_settings_end_with_its_conversation(app: App, page: Page) -> None:
    """And a link that was changed is detected."""
    setting(page, "Length", 90)
    stored = "() => JSON.parse(sessionStorage.getItem('char-lstm/settings') ?? '{}').length === '90'"
    page.wait_for_function(stored)
    page.goto(f"{app.url}?prompt=<i>x</i>&seed=3&length=40&temperature=1.5&model=other&text=0123456789abcdef")
    expect(turns(page).locator(".prompt")).to_have_text("<i>x</i>")
    expect(log(page).locator(".mark")).to_have_text(OTHER)
    expect(page.locator("#message")).to_contain_text("New conversation brings back your own.")
    open_settings(page)
    length, model = (
        page.get_by_role("spinbutton", name="Length"),
        page.get_by_role("combobox", name="Model", exact=True),
    )
    expect(length).to_have_value("40")
    expect(model).to_have_value("other")
    setting(page, "Top-p", 0.9)
    button(page, "Share").click()
    expect(page.locator("#share-link")).to_be_visible()
    page.wait_for_function(stored.replace("length", "top_p").replace("90", "0.9"))
    page.reload()
    expect(turns(page)).to_have_count(1)
    open_settings(page)
    expect(length).to_have_value("40")
    button(page, "New conversation").click()
    open_settings(page)
    expect(length).to_have_value("90")
    expect(model).to_have_value("random")
    expect(page.get_by_role("spinbutton", name="Temperature")).to_have_value("0.8")
    expect(page.get_by_role("spinbutton", name="Top-p")).to_have_value("0.9")  # changed since
    button(page, "Settings").click()
    page.wait_for_function("() => !history.state?.['char-lstm/covered']")
    expect(page).to_have_url(app.url)  # without the link, so that a copy of the address does not share it


def test_a_link_says_that_it_leaves_out_what_another_model_wrote(page: Page) -> None:
    fast(page, 60)
    send(page, "ROMEO:")
    written = reply(page)
    choose(page, "other")
    expect(button(page, "Continue with random")).to_be_enabled()  # the model of the last reply
    expect(page.get_by_role("textbox", name="Prompt")).to_have_attribute("placeholder", "Start a line…")
    for prompt in ("JULIET:", "NURSE:"):
        send(page, prompt)
    expect(turns(page).locator(".reply").first).to_have_text(written, use_inner_text=False)
    button(page, "Share").click()
    note = page.locator("#share-link").get_by_role("status")
    expect(note).to_contain_text("The link holds only the last 2 turns: another model or version wrote the text above.")


def stored_model() -> CharLSTM:
    """Return the model of the stored links, computed from whole numbers: the same weights on every machine."""
    return tiny(VOCAB, hidden=40, x=14)


@pytest.fixture(scope="module")
def stored_page() -> Iterator[App]:
    with serving({"stored": stored_model()}) as app:
        yield app


@pytest.fixture(scope="module")
def tab(stored_page: App, browser: Browser) -> Iterator[tuple[Page, list[str]]]:
    """Yield one tab for all links, whose storage is empty whenever a page loads, and its list of complaints."""
    context = browser.new_context(**QUIET)
    context.add_init_script("localStorage.clear(); sessionStorage.clear()")
    yield open_page(context, stored_page)
    context.close()


@pytest.mark.parametrize("stored", STORED, ids=[each["name"] for each in STORED])
def test_links_of_earlier_versions_still_reproduce_their_text(
    stored_page: App, tab: tuple[Page, list[str]], stored: dict[str, Any]
) -> None:
    page, complaints = tab
    complaints.clear()
    page.goto(f"{stored_page.url}?speed=200&{stored['query']}")
    expect(turns(page).last.locator(".mark")).to_have_text(SAME)
    prompts, replies = (turns(page).locator(each).all_text_contents() for each in (".prompt", ".reply"))
    first, *later = stored["texts"]
    typed = [first, *([prompt.removeprefix("\n"), reply] for prompt, reply in later)]  # which begins a line of its own
    assert [list(pair) for pair in zip(prompts, replies, strict=True)] == typed
    assert link(page).partition("?")[2] == stored["query"]
    assert not complaints


def test_a_link_with_a_damaged_end_writes_its_text(stored_page: App, tab: tuple[Page, list[str]]) -> None:
    page, complaints = tab
    complaints.clear()
    stored = STORED[0]
    for query, mark in ((f"{stored['query']}).", SAME), (stored["query"][:-3], UNCHECKED)):
        page.goto(f"{stored_page.url}?speed=200&{query}")
        expect(turns(page).last.locator(".mark")).to_have_text(mark)
        assert reply(page) == stored["texts"][0][1]
    assert not complaints


@contextmanager
def framing(folder: Path, code: str) -> Iterator[str]:
    """Serve a page of another origin with the code of a frame, as the Hub embeds the app."""
    (folder / "index.html").write_text(f'<link rel="icon" href="data:,">{code}', encoding="utf-8")
    with serve(folder) as url:
        yield url.replace("127.0.0.1", "localhost")


def test_in_the_frame_of_its_space_the_link_leads_to_the_space(
    app: App, new_context: BrowserContext, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SPACE_HOST", "ada-novel.hf.space")
    headers, policy = app.page.document._headers, "content-security-policy"
    page = new_context.new_page()
    with framing(tmp_path, FRAME.format(app.url)) as outer:  # only the Hub's pages may hold the app in a frame
        page.goto(outer)
        assert page.frames[1].locator("#page").count() == 0
    with framing(tmp_path, FRAME.format(f"{app.url}?prompt=ROMEO:&seed=7&length=40")) as outer:
        monkeypatch.setitem(headers, policy, f"{headers[policy]} {outer}")
        with page.expect_response("**/iframeResizer.contentWindow.min.js") as script:
            page.goto(outer)
        assert script.value.ok, "the script that reports the height of the page to the Hub"
        frame = page.frames[1]
        expect(frame.locator("article .mark")).to_contain_text("This link does not say which text")
        expect(frame.locator("#more-settings")).to_have_js_property("open", False)
        url = link(frame)
        assert url.startswith("https://ada-novel.hf.space/?prompt=ROMEO%3A&")
        expect(frame.locator("#share-link p")).to_contain_text("Copy the link from here")
        selected = "(field) => field.value.slice(field.selectionStart, field.selectionEnd)"
        assert frame.get_by_role("textbox", name="Link to this text").evaluate(selected) == url
        assert app.url not in url
    with framing(tmp_path, FRAME.format(app.url + "?" + url.partition("?")[2])) as outer:
        monkeypatch.setitem(headers, policy, f"{headers[policy]} {outer}")
        page.goto(outer)
        expect(page.frames[1].locator("article .mark")).to_have_text(SAME)
