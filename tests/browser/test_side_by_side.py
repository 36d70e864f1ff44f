"""Two models side by side or blended, in a real browser, on wide light and narrow dark displays."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from model import Blend, generate
from tests.browser.driving import (
    button,
    choose,
    continued,
    fast,
    footer,
    log,
    reply,
    send,
    setting,
    settled,
    turns,
)
from tests.support.app_server import App, eventually, random_model, serving
from tests.support.both_pages import second
from tests.support.tiny_models import tiny_model


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    models = {"one": random_model(), "two": random_model(3), "other script": tiny_model("αβγ")}
    for lm, corpus in zip(models.values(), ("Letters", "Poems", "Other Script"), strict=True):
        lm.training = {"corpus": corpus}
    with serving(models) as app:
        yield app


def choose_second(page: Page, option: str) -> None:
    """Choose a second model as in "two, side by side", or "none"."""
    name, _, way = option.partition(", ")
    page.get_by_role("combobox", name="Second model").select_option("" if name == "none" else f"model {name}")
    if way:
        page.get_by_role("combobox", name="How the two write").select_option(label=way)


def test_a_model_is_offered_in_the_letters_of_the_text_that_it_is_named_after(page: Page) -> None:
    names = page.get_by_role("combobox", name="Model", exact=True).locator("option")
    expect(names).to_have_text(["one", "two", "Other Script"])  # of the model "other script"


def test_stop_ends_both_replies_and_send_is_disabled_until_both_have_ended(page: Page, app: App) -> None:
    choose_second(page, "two, side by side")
    expect(second(page)).to_be_visible()
    send(page, "", wait=False)
    expect(second(page).locator(".writing")).to_have_count(1)
    eventually(lambda: [app.served(name).engine.running for name in ("one", "two")] == [1, 1])
    expect(button(page, "Send")).to_be_disabled()
    button(page, "Stop").click()
    settled(page)
    for line in (footer(page), second(page).locator(".footer")):
        expect(line).to_contain_text("stopped")
    eventually(lambda: [app.served(name).engine.running for name in ("one", "two")] == [0, 0])
    setting(page, "Length", 2000)
    setting(page, "Speed", 60)
    engine = app.served("one").engine
    slots, engine.max_slots, engine.max_waiting = engine.max_slots, 0, 0  # the first model refuses
    try:
        page.get_by_role("textbox", name="Prompt").fill("kept")
        button(page, "Send").click()
        expect(log(page).locator(".refusal")).to_contain_text("try again")
        expect(second(page).locator(".refusal")).to_have_count(0)
        expect(second(page).locator(":scope > article")).to_have_count(1)
    finally:
        engine.max_slots, engine.max_waiting = slots, 256
    fast(page, 20)
    choose(page, "two")
    expect(button(page, "Send")).to_be_enabled()  # the second model's reply has ended, too
    send(page, "a")
    expect(second(page)).to_have_count(0)  # a model cannot be compared with itself
    assert len(reply(page)) == 20


def test_a_refusal_of_the_second_model_is_shown_under_it_and_the_first_replies(page: Page, app: App) -> None:
    fast(page, 30)
    choose_second(page, "two, side by side")
    engine = app.served("two").engine
    slots, engine.max_slots, engine.max_waiting = engine.max_slots, 0, 0
    try:
        send(page, "ROMEO:")
    finally:
        engine.max_slots, engine.max_waiting = slots, 256
    expect(second(page).locator(".refusal")).to_contain_text("try again")
    expect(log(page).locator(".refusal")).to_have_count(0)
    expect(footer(page)).to_contain_text(" 30 characters")
    expect(page.get_by_role("textbox", name="Prompt")).to_have_value("")
    setting(page, "Length", 20)
    send(page, "and")
    expect(second(page).locator(".refusal")).to_have_count(0)
    expect(second(page).locator(".footer")).to_contain_text(" 20 characters")


def test_a_link_says_that_it_leaves_out_what_another_model_wrote(page: Page) -> None:
    fast(page, 60)
    send(page, "ROMEO:")
    settled(page)
    button(page, "Share").click()
    note = page.locator("#share-link").get_by_role("status")
    expect(note).to_contain_text("Whoever opens it watches this text being written.")
    expect(note).not_to_contain_text("The link holds only")
    choose(page, "two")
    expect(button(page, "Continue with one")).to_be_enabled()  # the model of the last reply
    for prompt in ("JULIET:", "NURSE:"):
        send(page, prompt)
        settled(page)
    expect(button(page, "Continue")).to_be_enabled()
    button(page, "Share").click()
    expect(note).to_contain_text("The link holds only the last 2 turns: another model or version wrote the text above.")


def test_two_models_are_blended(page: Page, app: App) -> None:
    fast(page, 60)
    expect(page.get_by_role("slider", name="Blend", exact=True)).to_be_hidden()
    choose_second(page, "two, blended")
    expect(page.get_by_role("slider", name="Blend", exact=True)).to_be_visible()
    expect(second(page)).to_have_count(0)
    setting(page, "Blend", 0.3)
    setting(page, "Seed", 7)
    send(page, "ROMEO:")
    blend = Blend(app.served("one").lm.models[0], app.served("two").lm.models[0], 0.3)
    text = generate(blend, "ROMEO:", 120, temperature=0.8, seed=7)
    assert reply(page) == text[:60]
    expect(footer(page)).to_contain_text("one + two, 30% from the second")
    continued(page, 120)
    assert reply(page) == text
    page.get_by_role("group", name="Lens over the text").get_by_text("How surprised?").click()
    expect(turns(page).locator("i")).to_have_count(len("ROMEO:" + text))
    expect(page.locator(".panel .sum").first).to_contain_text("bits per character")
    button(page, "Clear").click()
    expect(turns(page)).to_have_count(0)
    choose_second(page, "other script, blended")
    page.get_by_role("textbox", name="Prompt").fill("kept")
    button(page, "Send").click()
    expect(log(page).locator(".refusal")).to_have_text(
        "one and other script have no character in common: they cannot write together."
    )
    assert page.get_by_role("combobox", name="Second model").locator('option[value="model one"]').count() == 0
    choose_second(page, "none")
    expect(page.get_by_role("slider", name="Blend", exact=True)).to_be_hidden()
    button(page, "Send").click()
    expect(footer(page)).to_contain_text("60 characters")
    assert reply(page) == generate(app.served("one").lm, "kept", 60, temperature=0.8, seed=7)
