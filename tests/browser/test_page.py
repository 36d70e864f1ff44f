"""The app's page in a real browser: controls and replies, on wide light and narrow dark displays."""

import re
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Page, expect

from model import CharLSTM, ChatFormat, generate
from tests.browser.driving import (
    DISPLAYS,
    QUIET,
    button,
    choose,
    continued,
    fast,
    footer,
    log,
    open_page,
    open_settings,
    reply,
    send,
    setting,
    settled,
    show,
    turns,
)
from tests.support.app_server import App, eventually, random_model, scripted_model, serving
from tests.support.tiny_models import tiny_model
from ui.registry.registry import ModelRegistry
from ui.site_config import SiteConfig

TALE = "".join(f"Chapter {n}: the machine wrote line {n}, and then it went on.\n" for n in range(1, 400))
TALK = "".join(f"Ann, this is line {n} of Bo: a long one.\n\n" for n in range(1, 400))
HOSTILE = (
    "<script>window.hit=1</script><img src=http://example.com/x.png onerror='window.hit=2'>"
    "[x](javascript:window.hit=3) ![y](http://example.com/y.png) $$x^2$$ $a$ \\(b\\) &lt;b&gt; <b>bold</b>\n"
    "    indented\n\n\ttab  two  spaces \n# heading\n* item\n`code` ${window.hit=4} {{value}} \\u0041 </div>\n"
    "\u202eright to left\u202c e\u0301 你好 \u2028 \U0001f642\n"
)


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    models = {
        "tale": scripted_model(TALE),
        "hostile": scripted_model(HOSTILE),
        "random": random_model(),
        "greek": tiny_model("αβγ"),
        "verse": scripted_model("ab\n\ncd ef\n"),
        "chat": replace(scripted_model(TALK), chat=ChatFormat("Ann: ", "\n\nBo: ", "\n\n")),
    }
    with serving(models, SiteConfig("A title")) as app:
        yield app


@pytest.mark.parametrize("display", DISPLAYS, ids=["wide", "narrow"])
def test_the_first_screen(page: Page, app: App) -> None:
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page).to_have_title("A title")
    expect(log(page)).to_contain_text(app.served("tale").welcome_text[:18])
    expect(button(page, "Send")).to_be_enabled()
    expect(page.get_by_role("group", name="Start with").get_by_role("button").first).to_be_visible()
    expect(page.get_by_role("textbox", name="Prompt", exact=True)).to_be_focused()
    open_settings(page)
    for name in ("Temperature", "Length", "Top-k", "Top-p", "Min-p", "Speed"):
        expect(page.locator("#settings").get_by_role("slider", name=name, exact=True)).to_be_visible()
    expect(page.get_by_role("combobox", name="Model", exact=True)).to_have_value("tale")
    expect(page.get_by_role("spinbutton", name="Seed", exact=True)).to_have_value("")
    expect(page.locator("#about")).to_contain_text("parameters")
    assert log(page).get_attribute("aria-live") == "off"  # the announcer reads it at the speed of speech


def test_characters_appear_one_by_one_until_stop(page: Page, app: App) -> None:
    setting(page, "Speed", 20)
    send(page, "", wait=False)
    expect(button(page, "Stop")).to_be_enabled()
    for name in ("Send", "Continue", "Take back the last text"):
        expect(button(page, name)).to_have_count(0)
    assert log(page).get_attribute("aria-busy") == "true"
    lengths: set[int] = set()
    while len(lengths) < 8:
        lengths.add(len(reply(page)))
    button(page, "Stop").click()
    settled(page)
    text = reply(page)
    assert TALE.startswith(text)
    assert max(lengths) <= len(text) < 500
    facts = r"^\d+ characters · stopped · temperature 0\.8 · seed \d+ · \d+ per second$"
    expect(footer(page)).to_have_text(re.compile(facts))
    assert log(page).get_attribute("aria-busy") == "false"
    eventually(lambda: app.served("tale").engine.running == 0)


def test_a_seed_reproduces_the_text_with_its_settings(page: Page, app: App) -> None:
    choose(page, "random")
    fast(page, 50)
    setting(page, "Temperature", 1.5)
    setting(page, "Top-k", 20)
    setting(page, "Top-p", 0.9)
    setting(page, "Min-p", 0.01)
    setting(page, "Seed", 7)
    send(page, "ROMEO:")
    text = reply(page)
    expected = generate(app.served("random").lm, "ROMEO:", 50, temperature=1.5, top_k=20, top_p=0.9, min_p=0.01, seed=7)
    assert text == expected
    assert turns(page).last.locator(".prompt").text_content() == "ROMEO:"
    expect(footer(page)).to_contain_text(re.compile(r"seed 7\b"))
    button(page, "Try again").click()
    expect(log(page).locator(".notice")).to_contain_text("The seed (7) gives the same text again")
    expect(turns(page)).to_have_count(1)
    assert reply(page) == text
    continued(page, 100)
    longer = generate(app.served("random").lm, "ROMEO:", 100, temperature=1.5, top_k=20, top_p=0.9, min_p=0.01, seed=7)
    assert reply(page) == longer


def test_keys_on_the_slider_show_the_next_letters_until_it_is_left_and_the_reply_can_be_wilder(page: Page) -> None:
    choose(page, "random")
    fast(page, 40)
    send(page, "ab")
    slider, chances = page.locator("#calm-wild input"), page.locator("#calm-wild li")
    slider.press("ArrowRight")
    expect(chances.first).to_contain_text("%")
    slider.press("Tab")
    expect(chances).to_have_count(0)
    button(page, "Try wilder").click()
    expect(button(page, "Try again")).to_be_visible()
    expect(footer(page)).to_contain_text(f"temperature {slider.input_value()}")


def test_texts_are_shown_as_plain_text_and_no_markup_runs(page: Page) -> None:
    choose(page, "hostile")
    fast(page, len(HOSTILE) * 2)
    send(page, HOSTILE)
    assert turns(page).last.locator(".prompt").text_content() == HOSTILE
    assert reply(page) == (HOSTILE * 3)[len(HOSTILE) - 1 : 3 * len(HOSTILE) - 1]
    assert page.evaluate("window.hit") is None
    assert turns(page).last.locator("script, img, b, a, code, h1, li").count() == 0
    for prompt in ("   \n\t ", "\x00\x07\x1b", "   leading"):
        send(page, prompt)
        assert turns(page).last.locator(".prompt").text_content() == prompt
    send(page, "“don’t …")  # as a phone types it; the model knows the plain apostrophe and the full stop
    assert turns(page).last.locator(".prompt").text_content() == "“don't ..."
    button(page, "New conversation").click()
    page.locator("#history summary").click()
    expect(page.locator("#history .open")).to_contain_text(HOSTILE[:40])
    page.locator("#history .open").click()  # as it is stored
    expect(turns(page).first.locator(".prompt")).to_have_text(HOSTILE, use_inner_text=False)
    assert page.evaluate("window.hit") is None
    assert page.locator(":is(#history, .log .text) :is(script, img)").count() == 0


def test_a_click_on_an_empty_line_opens_its_end_and_one_far_behind_a_line_closes_it(page: Page) -> None:
    choose(page, "verse")
    fast(page, 40)
    send(page, "")
    log(page).evaluate("(log) => (log.scrollTop = 0)")  # a lens keeps the end of the text in sight
    reply = turns(page).last.locator(".reply")
    height = reply.evaluate("(each) => parseFloat(getComputedStyle(each).lineHeight)")
    left, top = reply.evaluate("(each) => [each.getClientRects()[0].left, each.getClientRects()[0].top]")
    page.mouse.click(left + 15, top + 1.5 * height)
    expect(page.get_by_role("dialog", name="instead of line end")).to_be_visible()
    page.mouse.click(left + 400, top + 2.5 * height)
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert "⏎" not in (reply.text_content() or "")


def test_a_refusal_is_shown_and_the_prompt_stays(page: Page) -> None:
    fast(page, 20)
    setting(page, "Seed", "1.5")
    page.get_by_role("textbox", name="Prompt").fill("kept")
    button(page, "Send").click()
    rule = "Seed is 1.5: it must be a whole number from 0 to 4,294,967,295."
    expect(log(page).locator(".refusal")).to_have_text(rule)
    expect(page.locator("#seed-fault")).to_have_text(rule)  # the settings, which the click has closed, are open again
    expect(page.get_by_role("textbox", name="Prompt")).to_have_value("kept")
    setting(page, "Seed", "")
    page.get_by_role("textbox", name="Prompt").fill("x" * 20_001)
    expect(log(page).locator(".refusal")).to_contain_text("Your text has 20,001 characters")  # before it is sent
    send(page, "")
    expect(log(page).locator(".refusal")).to_have_count(0)
    page.get_by_role("textbox", name="Prompt").fill("x" * 20_001)  # after a text, it begins a line of its own
    button(page, "Send").click()
    expect(log(page).locator(".refusal")).to_contain_text("Your text has 20,001 characters")


def test_a_setting_that_is_not_allowed_is_marked_once_it_is_typed(page: Page) -> None:
    open_settings(page)
    for name, wrong, rule in (
        ("Temperature", "99", "Temperature is 99: it must be a number from 0 to 5."),
        ("Temperature", "", "Temperature is empty: enter a number from 0 to 5."),
        ("Speed", "0", "Speed is 0: it must be a number from 5 to 200."),
        ("Length", "1e+99", "Length is 1e+99: it must be a whole number from 1 to 10,000."),
        (
            "Seed",
            "123456789" * 5,
            f"Seed is '{'123456789' * 4}1234 …': it must be a whole number from 0 to 4,294,967,295.",
        ),
    ):
        field = page.get_by_role("spinbutton", name=name)
        setting(page, name, wrong)
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(page.locator("#settings").get_by_role("alert")).to_have_text(rule)
        expect(field).to_have_value(wrong)
        field.fill("5")
        expect(field).not_to_have_attribute("aria-invalid", "true")
        expect(page.locator("#settings").get_by_role("alert")).to_have_count(0)


def test_a_page_whose_owner_has_turned_the_lenses_off(page: Page, app: App) -> None:
    """Nothing is asked about a text either: tests/unit/web/engines/server.test.js."""
    site = re.compile(r"/site\?")
    page.route(site, lambda route: route.fulfill(json={**route.fetch().json(), "lenses": False}))
    show(page, app)
    fast(page, 20)
    send(page, "")
    expect(page.locator("article i[class*=b]")).to_have_count(0)
    button(page, "Look inside").click()
    expect(button(page, "Calm, normal, wild")).to_be_visible()
    expect(page.locator("#inside :is(input, .tour)").locator("visible=true")).to_have_count(0)
    page.unroute(site)


def test_a_fault_of_the_model_is_shown_and_continue_or_enter_goes_on(page: Page, app: App) -> None:
    at = 25
    fast(page, 50)
    app.network("tale").fail_at = at
    try:
        send(page, "")
        expect(turns(page).last.locator(".fault")).to_contain_text("The model failed: RuntimeError while writing")
        assert reply(page) == TALE[:at]
    finally:
        app.network("tale").fail_at = None
    button(page, "Continue").click()
    expect(footer(page)).to_contain_text("length reached")
    settled(page)
    assert reply(page) == TALE[: at + 50]
    page.get_by_role("textbox", name="Prompt").press("Enter")
    expect(log(page)).to_contain_text(TALE[at + 50 : at + 100].strip(), use_inner_text=False)
    assert reply(page) == TALE[: at + 100]


def test_a_chat_model_reads_turns_and_ends_its_own(page: Page, app: App) -> None:
    fast(page)
    choose(page, "chat")
    expect(page.get_by_placeholder("Say something…")).to_be_visible()
    lm = app.served("chat").lm
    send(page, "this is it")
    first = generate(lm, "Ann: this is it\n\nBo: ", stop="\n\n")
    assert reply(page) == first
    expect(footer(page)).to_contain_text("finished")
    expect(turns(page).last.locator(".prompt")).to_have_text("this is it")
    button(page, "Continue").click()
    expect(turns(page)).to_have_count(2)
    settled(page)
    assert reply(page) == generate(lm, f"Ann: this is it\n\nBo: {first}\n\nBo: ", stop="\n\n")
    expect(turns(page).last.locator(".prompt")).to_be_hidden()


def test_a_loading_model_is_announced_and_then_served(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = threading.Event()

    def load(*_: object, **__: object) -> CharLSTM:
        assert loaded.wait(120)
        return scripted_model(TALE)

    monkeypatch.setattr(CharLSTM, "from_pretrained", load)
    registry = ModelRegistry(["ada/slow"])
    registry.start()
    with serving(registry) as app:
        context = browser.new_context(**QUIET)
        page, complaints = open_page(context, app)
        expect(page.get_by_role("status").filter(has_text="Loading ada/slow")).to_be_visible()
        page.get_by_role("textbox", name="Prompt").fill("kept")
        button(page, "Send").click()
        expect(log(page)).to_contain_text("still loading: try again in a moment")
        linked = context.new_page()
        linked.goto(f"{app.url}?model=ada/slow&temperature=2")
        expect(log(linked).locator(".refusal")).to_contain_text("still loading")
        loaded.set()
        expect(linked.get_by_role("spinbutton", name="Temperature", include_hidden=True)).to_have_value("2")
        expect(log(linked).locator(".refusal")).to_have_count(0)
        expect(page.locator("#about")).to_contain_text("parameters")
        expect(page.get_by_text("Loading ada/slow")).to_have_count(0)
        expect(log(page)).to_contain_text(TALE[:18])
        button(page, "Send").click()
        expect(turns(page)).to_have_count(1)
        assert not complaints
        context.close()
