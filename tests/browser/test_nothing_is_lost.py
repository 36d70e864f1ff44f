"""Reloads, crashes, other tabs and full storage: the conversation is restored and continues with the same text.

Faults of the network and the server are in test_lost_connections.py; tests of both pages in test_both_pages.py.
"""

import re
from contextlib import suppress

from playwright.sync_api import BrowserContext, Error, Page, expect

from model import CharLSTM
from tests.browser.driving import (
    button,
    continued,
    fast,
    footer,
    log,
    more,
    open_page,
    reply,
    send,
    setting,
    settled,
    stored_logs,
    turns,
)
from tests.browser.test_lost_connections import LENGTH, SEED, app, begin, check_continue, expected, lm
from tests.support.app_server import App, eventually

__all__ = ["app", "lm"]  # fixtures

LINK = "?prompt=JULIET%3A&seed=3&length=40"


def test_a_link_opened_during_a_reply_and_back(app: App, context: BrowserContext, lm: CharLSTM) -> None:
    """Each entry of the tab's history shows its own conversation."""
    page = begin(context, app)
    page.goto(app.url + LINK)
    expect(turns(page)).to_have_count(1)
    settled(page)
    assert turns(page).locator(".prompt").all_text_contents() == ["JULIET:"]
    page.go_back()
    settled(page)
    assert reply(page) == expected(lm)
    page.go_forward()
    expect(page.locator(".prompt", has_text="JULIET:")).to_be_visible()
    settled(page)
    linked = reply(page)
    assert len(linked) == 40
    page.go_back()
    expect(page.locator(".prompt", has_text="ROMEO:")).to_be_visible()
    continued(page, 2 * LENGTH)
    assert reply(page) == expected(lm, 2 * LENGTH)
    page.go_forward()
    expect(page.locator(".prompt", has_text="JULIET:")).to_be_visible()
    assert reply(page) == linked


def test_a_tab_that_crashes(app: App, context: BrowserContext, lm: CharLSTM) -> None:
    """The page gets no event before the crash; text that was not stored is generated again."""
    page = begin(context, app)
    with page.expect_event("crash"), suppress(Error):
        page.goto("chrome://crash")
    again, _ = open_page(context, app)  # Playwright cannot use a page that has crashed
    again.locator("#history summary").click()
    again.locator("#history li .open").click()
    settled(again)
    assert reply(again) == expected(lm)
    check_continue(again, lm)


def test_two_tabs_of_one_conversation(app: App, context: BrowserContext, lm: CharLSTM) -> None:
    """The second tab that changes the conversation gets a copy of it."""
    one = begin(context, app)
    settled(one)
    with context.expect_page() as opened:
        one.evaluate("open(location.href)")  # with a copy of sessionStorage, as a duplicated tab has
    other = opened.value
    expect(turns(other)).to_have_count(1)
    assert reply(other) == expected(lm)
    assert len(stored_logs(one)) == 1  # the tab that only looks at it makes none
    check_continue(one, lm)
    fast(other, 30)
    send(other, "NURSE:")
    written = reply(other)
    for page in (one, other):
        page.reload()
    expect(turns(one)).to_have_count(1)
    assert reply(one) == expected(lm, 2 * LENGTH)
    expect(turns(other)).to_have_count(2)
    assert reply(other) == written
    assert len(stored_logs(one)) == 2


def test_opening_another_conversation_during_a_reply_creates_no_copies(app: App, context: BrowserContext) -> None:
    page = begin(context, app, length=20, least=1)
    settled(page)
    button(page, "New conversation").click()
    earlier, said = page.locator("#history summary"), page.locator("#message")
    expect(earlier).to_be_visible()
    earlier.click()
    expect(page.locator("#history li")).to_have_count(1)
    setting(page, "Length", LENGTH)
    setting(page, "Speed", 5)
    send(page, "second", wait=False)
    expect(said).to_have_text("")
    page.locator("#history li .open").click()
    fast(page)
    settled(page)
    expect(log(page).locator(".prompt").last).to_have_text("second")
    page.locator("#history li .open").click()
    expect(log(page).locator(".prompt").last).to_have_text("ROMEO:")
    page.locator("#history li .open").click()
    expect(log(page).locator(".prompt").last).to_have_text("second")
    assert len(stored_logs(page)) == 2


def test_a_prompt_that_was_not_sent_is_listed_and_found_again(app: App, context: BrowserContext) -> None:
    page, _ = open_page(context, app)
    page.get_by_role("textbox", name="Prompt").fill("a long thought")
    eventually(lambda: stored_logs(page))
    page.close()
    other, _ = open_page(context, app)
    prompt = other.get_by_role("textbox", name="Prompt")
    prompt.fill("another one")
    other.locator("#history summary").click()
    other.get_by_role("button", name="a long thought", exact=False).first.click()
    expect(prompt).to_have_value("a long thought")
    expect(other.locator("#history li .open")).to_have_text([re.compile("another one")])


def test_quick_double_clicks_and_undo_during_a_reply(app: App, context: BrowserContext, lm: CharLSTM) -> None:
    """The clicks on the other buttons happen before the next frame, in which the page hides them."""
    page, complaints = open_page(context, app)
    setting(page, "Seed", SEED)
    fast(page, LENGTH)
    page.get_by_role("textbox", name="Prompt").fill("ROMEO:")
    button(page, "Send").dblclick()
    settled(page)
    expect(footer(page)).to_contain_text("length reached")
    expect(turns(page)).to_have_count(1)
    assert reply(page) == expected(lm)
    click_at_once(page, "Continue", "Continue", "Take back the last text", "Try again")
    expect(footer(page)).to_contain_text(f"{2 * LENGTH} characters")
    settled(page)
    assert reply(page) == expected(lm, 2 * LENGTH)
    setting(page, "Seed", 8)
    click_at_once(page, "Try again", "Try again", "Take back the last text")
    expect(footer(page)).to_contain_text("seed 8")
    settled(page)
    expect(page.locator(".branches")).to_have_accessible_name("Version 2 of 2")
    more(page, "Take back the last text")
    expect(footer(page)).to_contain_text("seed 7")
    assert reply(page) == expected(lm, 2 * LENGTH)
    assert not complaints


def test_a_letter_that_is_chosen_while_a_reply_is_written_ends_it_and_keeps_it(
    app: App, context: BrowserContext, lm: CharLSTM
) -> None:
    page = begin(context, app, length=400, least=12)
    log(page).focus()
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    choice = page.get_by_role("dialog").get_by_role("button", name=re.compile("^Go on with")).first
    char = choice.locator(".char").text_content() or ""
    choice.click()
    expect(button(page, "Stop")).to_be_visible()  # the other version
    old = page.get_by_role("group", name="The version before").locator(".reply").text_content() or ""
    assert 12 <= len(old) < 400
    assert expected(lm, 400).startswith(old)
    assert (page.get_by_role("group", name="Now").locator(".reply").text_content() or "").startswith(char)
    button(page, "Stop").click()


def test_a_new_conversation_ends_the_reply_that_is_written_and_keeps_it(app: App, context: BrowserContext) -> None:
    page = begin(context, app, length=400, least=1)
    written = reply(page)
    button(page, "New conversation").click()
    expect(turns(page)).to_have_count(0)
    expect(button(page, "Send")).to_be_enabled()
    page.locator("#history summary").click()
    page.locator("#history .open").click()
    assert reply(page).startswith(written)


def click_at_once(page: Page, *names: str) -> None:
    """Click buttons in one task of the browser."""
    page.evaluate(
        """names => {
          const all = [...document.querySelectorAll("button")];
          for (const name of names) all.find((button) => button.textContent.trim() === name)?.click();
        }""",
        list(names),
    )


def test_without_storage_the_page_works_and_reports_it(app: App, new_context: BrowserContext, lm: CharLSTM) -> None:
    """As in a private window, and in a frame without cookies."""
    refuse = "() => { throw new DOMException('no', 'SecurityError'); }"
    new_context.add_init_script(
        f"IDBFactory.prototype.open = {refuse}; for (const name of ['localStorage', 'sessionStorage'])"
        f" Object.defineProperty(window, name, {{ get: {refuse} }});"
    )
    page = begin(new_context, app, speed=200)
    settled(page)
    expect(page.get_by_text("Storage is off or full: a reload loses this text.")).to_be_visible()
    check_continue(page, lm)
    written = reply(page)
    button(page, "New conversation").click()
    expect(page.locator("#message")).to_have_text(
        "Storage is off or full: only “Bring the conversation back” brings your text back."
    )
    button(page, "Bring the conversation back").click()
    expect(turns(page)).to_have_count(1)
    assert reply(page) == written


def test_a_deleted_conversation_is_gone_in_every_tab(app: App, context: BrowserContext) -> None:
    one = begin(context, app, length=20, speed=200, least=1)
    settled(one)
    two, _ = open_page(context, app)
    two.locator("#history summary").click()
    two.on("dialog", lambda dialog: dialog.accept())
    two.get_by_role("button", name="Delete: ").click()
    expect(turns(one)).to_have_count(0)
    expect(one.locator("#message")).to_have_text("Another tab deleted this conversation.")
    one.goto("about:blank")
    assert stored_logs(two) == []
