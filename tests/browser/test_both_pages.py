"""Replies, conversations and settings: each feature on the app's page and on the static page."""

import json

from playwright.sync_api import expect

from model import generate
from tests.browser.driving import (
    button,
    continued,
    fast,
    footer,
    open_settings,
    reply,
    send,
    setting,
    settled,
    stored_logs,
    turns,
)
from tests.browser.looking import choose_lens
from tests.support.app_server import eventually
from tests.support.both_pages import LENGTH, PROMPT, SEED, TWO, Site, begin, text_of


def test_try_again_makes_versions_that_the_arrows_show(both: Site) -> None:
    page = begin(both.open())
    send(page, PROMPT)
    versions = page.locator(".branches")
    expect(versions).to_be_hidden()
    setting(page, "Seed", 8)
    button(page, "Try again").click()
    expect(footer(page)).to_contain_text("seed 8")
    settled(page)
    one, other = text_of(both), text_of(both, seed=8)
    assert reply(page) == other
    previous, following = button(page, "Previous version"), button(page, "Next version")
    expect(versions).to_have_accessible_name("Version 2 of 2")
    expect(following).to_have_attribute("aria-disabled", "true")
    previous.focus()
    page.keyboard.press("Enter")
    expect(versions).to_have_accessible_name("Version 1 of 2")
    expect(previous).to_be_focused()
    expect(turns(page).last.locator(".reply")).to_have_text(one, use_inner_text=False)


def test_a_conversation_with_another_model_of_the_hub_is_continued_after_a_reload(both: Site) -> None:
    page = begin(both.open())
    both.blend(page)
    models = page.get_by_role("combobox", name="Model", exact=True)
    models.select_option(TWO)
    send(page, PROMPT)
    page.reload()
    settled(page)
    expect(page.get_by_role("combobox", name="Text that it has read")).to_have_value(TWO)
    assert reply(page) == generate(both.two, PROMPT, LENGTH, seed=SEED)
    continued(page, 2 * LENGTH)
    assert reply(page) == generate(both.two, PROMPT, 2 * LENGTH, seed=SEED)
    page.get_by_role("combobox", name="Text that it has read").select_option(both.name)  # begins a new conversation
    expect(turns(page)).to_have_count(0)
    button(page, "Undo New conversation").click()
    expect(turns(page)).to_have_count(1)


def test_impossible_blends_are_not_offered(both: Site) -> None:
    page = begin(both.open())
    both.blend(page)
    choose_lens(page, "What it remembers")
    expect(page.get_by_text("Cells can't be held while blending.")).to_be_visible()
    expect(page.get_by_role("radio", name="High", exact=True)).to_be_hidden()
    models = page.get_by_role("combobox", name="Model", exact=True)
    others = page.get_by_role("combobox", name="Second model").locator("option")
    names = {both.name, TWO}
    for name in (TWO, both.name):
        models.select_option(name)
        offered = {
            each.removeprefix("blended ") for each in others.evaluate_all("(all) => all.map((each) => each.value)")
        }
        assert offered & names == names - {name}


def test_earlier_conversations_are_listed_searched_opened_and_deleted(both: Site) -> None:
    page = begin(both.open())
    for prompt in ("first one", "another"):
        send(page, prompt)
        button(page, "New conversation").click()
        expect(turns(page)).to_have_count(0)
        expect(page.get_by_role("group", name="This reply").get_by_role("button")).to_have_text(
            ["Undo New conversation"]
        )
    page.locator("#history summary").click()
    expect(page.locator("#history > p").first).to_have_text("They are kept in this browser only.")
    entries = page.locator("#history li")
    expect(entries).to_have_count(2)
    page.get_by_role("searchbox").fill("no such text")
    expect(entries).to_have_count(0)
    page.get_by_role("searchbox").fill("FIRST")
    expect(entries).to_have_count(1)
    entries.get_by_title("Open: first one").click()
    expect(turns(page)).to_have_count(1)
    expect(page.locator("#prompt")).to_be_focused()
    expect(turns(page).locator(".prompt")).to_be_in_viewport()
    assert reply(page) == text_of(both, "first one")
    continued(page, 2 * LENGTH)
    assert reply(page) == text_of(both, "first one", 2 * LENGTH)
    page.get_by_role("searchbox").fill("")
    expect(entries).to_have_count(1)  # not the one that is shown
    before = [each for each in stored_logs(page) if "another" in json.dumps(each)]
    assert len(before) == 1
    page.once("dialog", lambda dialog: dialog.dismiss())
    entries.get_by_role("button", name="Delete: another").press("Enter")
    assert before[0] in stored_logs(page)
    page.once("dialog", lambda dialog: dialog.accept())
    entries.get_by_role("button", name="Delete: another").press("Enter")
    expect(page.locator("#history")).to_be_hidden()
    assert before[0] not in stored_logs(page)
    expect(page.locator("#prompt")).to_be_focused()


def test_a_reload_keeps_settings_and_the_typed_prompt_and_ends_the_reply(both: Site) -> None:
    page = begin(both.open(), speed=40, length=50)
    setting(page, "Temperature", 1.3)
    send(page, PROMPT, wait=False)
    eventually(lambda: len(reply(page)) > 10)
    page.get_by_role("textbox", name="Prompt", exact=True).fill("not sent yet")
    held = [True]
    page.route("**/config.json", lambda route: None if held else route.continue_())
    page.reload(wait_until="commit")
    expect(page.locator("#ask button:not([disabled])")).to_be_attached()  # the scripts run, and the model is not known
    page.wait_for_load_state()  # the browser may refuse to reload a page that it is still loading
    held.clear()  # and no unroute: it would let the old page go on, whose step back in the history ends the reload
    page.reload()
    settled(page)
    open_settings(page)
    assert reply(page) == text_of(both, length=50, temperature=1.3)
    expect(page.get_by_role("textbox", name="Prompt", exact=True)).to_have_value("not sent yet")
    for name, value in (("Temperature", 1.3), ("Speed", 40), ("Length", 50), ("Seed", SEED)):
        expect(page.get_by_role("spinbutton", name=name)).to_have_value(str(value))
    fast(page)
    continued(page, 100)
    assert reply(page) == text_of(both, length=100, temperature=1.3)
