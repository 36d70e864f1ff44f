"""Replies, conversations and settings: each feature on the app's page and on the static page."""

from __future__ import annotations

import json

from playwright.sync_api import expect

from model import Blend, generate
from tests.browser.driving import (
    button,
    continued,
    fast,
    footer,
    forget,
    log,
    reply,
    send,
    setting,
    settled,
    stored_logs,
    turns,
)
from tests.browser.looking import choose_lens
from tests.support.app_server import eventually
from tests.support.both_pages import LENGTH, PROMPT, SEED, TWO, Site, begin, new_line, text_of


def test_a_reply_appears_character_by_character_and_can_be_stopped_and_continued(both: Site) -> None:
    page = begin(both.open(), speed=20)
    send(page, PROMPT, wait=False)
    expect(button(page, "Send")).to_be_disabled()
    seen: set[int] = set()
    while len(seen) < 4:
        seen.add(len(reply(page)))
    button(page, "Stop").click()
    settled(page)
    expect(footer(page)).to_contain_text("stopped")
    written = len(reply(page))
    assert max(seen) <= written < LENGTH
    assert reply(page) == text_of(both, length=written)
    fast(page)
    continued(page, written + LENGTH)
    assert reply(page) == text_of(both, length=written + LENGTH)
    so_far = new_line(PROMPT + reply(page))
    send(page, "More")
    assert reply(page) == text_of(both, f"{so_far}More")
    assert turns(page).last.locator(".prompt").text_content() == "More"


def test_retry_creates_branches_and_no_button_loses_focus(both: Site) -> None:
    page = begin(both.open())
    send(page, PROMPT)
    versions = page.get_by_role("group", name="Versions")
    expect(versions).to_be_hidden()
    setting(page, "Seed", 8)
    for move, told in (("Retry", "seed 8"), ("Continue", f"{2 * LENGTH} characters")):
        button(page, move).focus()
        page.keyboard.press("Enter")
        expect(footer(page)).to_contain_text(told)
        settled(page)
        expect(button(page, move)).to_be_focused()
    expect(versions).to_be_visible()
    one, other = text_of(both), text_of(both, length=2 * LENGTH, seed=8)
    assert reply(page) == other
    previous, following = button(page, "Previous version"), button(page, "Next version")
    expect(versions.locator(".count")).to_have_text("Version 2 of 2")
    expect(following).to_have_attribute("aria-disabled", "true")
    previous.focus()
    page.keyboard.press("Enter")
    expect(versions.locator(".count")).to_have_text("Version 1 of 2")
    expect(previous).to_be_focused()
    expect(turns(page).last.locator(".reply")).to_have_text(one, use_inner_text=False)
    send(page, "JULIET:")
    expect(versions.locator(".count")).to_have_text("Turn 1: version 1 of 2")
    following.click()
    expect(turns(page)).to_have_count(1)
    assert reply(page) == other
    previous.click()
    expect(turns(page)).to_have_count(2)
    assert reply(page) == text_of(both, f"{new_line(PROMPT + one)}JULIET:", seed=8)


def test_retry_with_the_same_seed_and_settings_writes_the_same_text_and_no_version(both: Site) -> None:
    page = begin(both.open())
    send(page, PROMPT)
    text, notice = reply(page), log(page).get_by_text(f"The seed ({SEED}) gives the same text again")
    for _ in range(2):
        button(page, "Retry").click()
        settled(page)
        expect(notice).to_have_count(1)
        assert reply(page) == text
        expect(page.get_by_role("group", name="Versions")).to_be_hidden()
    setting(page, "Temperature", 0.5)
    button(page, "Retry").click()
    settled(page)
    expect(page.get_by_role("group", name="Versions").locator(".count")).to_have_text("Version 2 of 2")
    expect(notice).to_have_count(0)


def test_undo_and_redo(both: Site) -> None:
    page = begin(both.open())
    for prompt in ("a", "b"):
        send(page, prompt)
    whole = reply(page)
    for left in (1, 0):
        button(page, "Undo").click()
        expect(turns(page)).to_have_count(left)
    expect(button(page, "Undo")).to_be_disabled()
    for shown in (1, 2):
        button(page, "Redo").click()
        expect(turns(page)).to_have_count(shown)
    expect(button(page, "Redo")).to_be_disabled()
    assert reply(page) == whole == text_of(both, new_line(f"a{text_of(both, 'a')}") + "b")
    setting(page, "Seed", "")  # each Retry draws a seed
    button(page, "Retry").click()
    expect(turns(page).last.locator(".reply")).not_to_have_text(whole, use_inner_text=False)
    settled(page)
    assert reply(page) != whole
    expect(turns(page)).to_have_count(2)
    button(page, "Undo").click()
    expect(turns(page).last.locator(".reply")).to_have_text(whole, use_inner_text=False)


def test_undo_takes_back_what_continue_and_single_letters_have_added(both: Site) -> None:
    page = begin(both.open())
    versions = page.get_by_role("group", name="Versions")
    send(page, PROMPT)
    for _ in range(2):
        button(page, "Continue").click()
        settled(page)
    choose_lens(page, "One letter at a time")
    for _ in range(3):
        press = button(page, "One letter")
        expect(press).to_be_enabled()
        press.click()
        settled(page)

    def expect_length(length: int) -> None:
        whole = text_of(both, length=length)
        expect(turns(page).locator(".reply")).to_have_text([whole], use_inner_text=False)

    lengths = [3 * LENGTH + 3, 3 * LENGTH, 2 * LENGTH, LENGTH]
    for length in lengths:
        expect_length(length)
        button(page, "Undo").click()
    expect(turns(page)).to_have_count(0)
    expect(versions).to_be_hidden()
    for length in reversed(lengths):
        button(page, "Redo").click()
        expect_length(length)
    expect(button(page, "Redo")).to_be_disabled()
    button(page, "Undo").click()
    expect_length(3 * LENGTH)
    page.reload()
    settled(page)
    button(page, "Undo").click()  # the places where it was continued are stored
    expect_length(2 * LENGTH)
    button(page, "Continue").click()
    settled(page)
    expect_length(3 * LENGTH)


# What older pages stored of a conversation with two models side by side.
SIDE_BY_SIDE = """([second, written]) => {
  const log = JSON.parse(written);
  for (const turn of log.turns) {
    const { reply } = turn;
    const parts = reply.parts.map((part) => ({ ...part, text: "!" }));
    const other = { ...reply, model: { name: second, commit: "" }, parts };
    Object.assign(turn, { replies: [reply, other], continued: [] });
    delete turn.reply;
  }
  log.controls.second = `beside ${second}`;
  localStorage.setItem(`char-lstm/conversation/${log.id}`, JSON.stringify({ revision: "r", log }));
}"""


def test_a_stored_conversation_with_two_models_side_by_side_shows_the_first_one(both: Site) -> None:
    page = begin(both.open())
    send(page, PROMPT)
    settled(page)
    [written] = stored_logs(page)
    page.goto(f"{both.app.url}{'site' if both.kind == 'app' else 'settings.json'}")
    forget(page)
    page.evaluate(SIDE_BY_SIDE, [TWO, json.dumps(written)])
    page.evaluate("id => sessionStorage.setItem('char-lstm/current', id)", written["id"])
    page.goto(both.app.url)
    assert reply(page) == text_of(both)
    expect(page.get_by_role("combobox", name="Second model")).to_have_value("")
    continued(page, 2 * LENGTH)
    assert reply(page) == text_of(both, length=2 * LENGTH)


def test_a_conversation_with_another_model_of_the_hub_is_continued_after_a_reload(both: Site) -> None:
    page = begin(both.open())
    both.blend(page)
    models = page.get_by_role("combobox", name="Model", exact=True)
    models.select_option(TWO)
    send(page, PROMPT)
    page.reload()
    expect(models).to_have_value(TWO)
    assert reply(page) == generate(both.two, PROMPT, LENGTH, seed=SEED)
    continued(page, 2 * LENGTH)
    assert reply(page) == generate(both.two, PROMPT, 2 * LENGTH, seed=SEED)


def test_two_models_are_blended_and_impossible_blends_are_not_offered(both: Site) -> None:
    page = begin(both.open())
    both.blend(page)
    setting(page, "Blend", 0.3)
    send(page, PROMPT)
    expect(footer(page)).to_contain_text(f"{both.name} + {TWO}, 30% from the second")
    assert reply(page) == generate(Blend(both.one, both.two, 0.3), PROMPT, LENGTH, seed=SEED)
    page.get_by_role("group", name="Lens over the text").get_by_text("What it remembers").click()
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
        button(page, "Clear").click()
        expect(turns(page)).to_have_count(0)
        for move in ("Continue", "Retry", "Clear", "Share"):
            expect(button(page, move)).to_be_disabled()
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
    page.reload()
    settled(page)
    assert reply(page) == text_of(both, length=50, temperature=1.3)
    expect(page.get_by_role("textbox", name="Prompt", exact=True)).to_have_value("not sent yet")
    for name, value in (("Temperature", 1.3), ("Speed", 40), ("Length", 50), ("Seed", SEED)):
        expect(page.get_by_role("spinbutton", name=name)).to_have_value(str(value))
    fast(page)
    continued(page, 100)
    assert reply(page) == text_of(both, length=100, temperature=1.3)
