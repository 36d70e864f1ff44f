"""Two models side by side or blended, in a real browser, on wide light and narrow dark displays."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from model import Blend, generate
from tests.browser.axe import violations
from tests.browser.driving import (
    DISPLAYS,
    boxes_of,
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

SEED_OF = re.compile(r"seed (\d+)")  # in the footer of a reply


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


def second_replies(page: Page) -> list[str]:
    return second(page).locator(".reply").all_text_contents()


def check_texts(page: Page, prompts: str, app: App, length: int) -> None:
    """Check that both models have written the texts that each writes alone."""
    settled(page)
    for line, name in ((footer(page), "one"), (second(page).locator(".footer").last, "two")):
        expect(line).to_contain_text(f"{length} characters")
        seed = int(SEED_OF.findall(line.text_content() or "")[0])
        text = generate(app.served(name).lm, prompts, length, temperature=0.8, seed=seed)
        assert (reply(page) if name == "one" else second_replies(page)[-1]) == text
    seeds = [SEED_OF.findall(line)[0] for line in page.locator(".footer").all_text_contents()]
    assert len(set(seeds)) == len(turns(page).all())


def test_two_models_reply_to_one_prompt(page: Page, app: App) -> None:
    fast(page, 60)
    expect(second(page)).to_have_count(0)
    choose_second(page, "two, side by side")
    expect(second(page)).to_be_visible()
    expect(second(page)).to_contain_text("It made this up by itself")
    send(page, "ROMEO:")
    check_texts(page, "ROMEO:", app, 60)
    one, two = boxes_of(log(page), second(page))
    if page.viewport_size == {"width": 390, "height": 844}:
        assert two["y"] >= one["y"] + one["height"]
    else:
        assert two["x"] >= one["x"] + one["width"]
        assert abs(two["y"] - one["y"]) < 2
    assert page.locator(".model-name").all_text_contents() == ["one", "two"]
    button(page, "Continue").click()
    check_texts(page, "ROMEO:", app, 120)
    before = second_replies(page)
    button(page, "Retry").click()
    expect(second(page).locator(".reply")).not_to_have_text(before[0], use_inner_text=False)
    expect(second(page).locator(".footer")).to_contain_text(" 60 characters")
    check_texts(page, "ROMEO:", app, 60)
    for text in ("the text", "the second text"):
        page.get_by_role("group", name=f"Lens over {text}", exact=True).get_by_text("How surprised?").click()
    expect(second(page).locator("i")).to_have_count(len("ROMEO:") + 60)
    assert violations(page) == []
    if page.viewport_size != {"width": 390, "height": 844}:
        for lens, part in (("What it remembers", ".legend"), ("One letter at a time", ".stages")):
            for pane in page.locator(".pane").all():
                pane.get_by_text(lens, exact=True).click()
            parts = page.locator(f".pane .panel > {part}")
            expect(parts).to_have_count(2)
            tops = [each["y"] for each in boxes_of(*parts.all())]
            assert abs(tops[0] - tops[1]) < 2, lens  # what the panels show is side by side, too
    button(page, "Undo").click()  # restores the reply before Retry
    expect(second(page).locator(".reply")).to_have_text(before[0], use_inner_text=False)
    expect(footer(page)).to_contain_text(" 120 characters")
    button(page, "Undo").click()  # what Continue added
    expect(footer(page)).to_contain_text(" 60 characters")
    button(page, "Undo").click()
    expect(turns(page)).to_have_count(0)
    expect(second(page).locator(":scope > article")).to_have_count(0)
    send(page, "a")
    expect(second(page).locator(":scope > article")).to_have_count(1)
    settled(page)
    button(page, "Clear").click()
    expect(second(page).locator(":scope > article")).to_have_count(0)
    choose_second(page, "none")
    expect(second(page)).to_have_count(0)
    send(page, "b")
    assert len(reply(page)) == 60


def test_a_model_is_offered_in_the_letters_of_the_text_that_it_is_named_after(page: Page) -> None:
    names = page.get_by_role("combobox", name="Model", exact=True).locator("option")
    expect(names).to_have_text(["one", "two", "Other Script"])  # of the model "other script"


@pytest.mark.parametrize("display", DISPLAYS, ids=["wide", "narrow"])
def test_the_line_under_the_title_names_the_texts_of_both_models(page: Page) -> None:
    line = page.locator("#intro p")
    expect(line).to_contain_text("has read only one text: Letters.")
    for way in ("two, side by side", "two, blended"):
        choose_second(page, way)
        expect(line).to_contain_text("Two tiny neural networks: one has read only “Letters”, the other only “Poems”.")
        choose_second(page, "none")
        expect(line).to_contain_text("has read only one text: Letters.")


def test_both_texts_follow_a_prompt_after_a_long_text_of_the_first(page: Page, app: App) -> None:
    fast(page, 900)
    prompt = page.get_by_role("textbox", name="Prompt")
    expect(prompt).to_have_attribute("placeholder", "Start a line…")
    send(page, "ROMEO:")
    expect(prompt).to_have_attribute("placeholder", "Add the next line…")
    log(page).evaluate("(each) => (each.scrollTop = 0)")
    choose_second(page, "two, side by side")
    expect(second(page).locator(".welcome i[class*=b]").first).to_be_attached()  # as its lead says
    send(page, "In the beginning")
    for each in (log(page), second(page)):
        hidden = each.evaluate("(log) => log.scrollHeight - log.scrollTop - log.clientHeight")
        assert hidden < 2
    if page.viewport_size == {"width": 390, "height": 844}:
        first, last = boxes_of(log(page), second(page))
        assert last["y"] + last["height"] - first["y"] < 700  # both are seen above the prompt


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


def test_a_refusal_of_both_models_keeps_prompt_and_texts(page: Page, app: App) -> None:
    fast(page, 30)
    choose_second(page, "two, side by side")
    send(page, "ROMEO:")
    settled(page)
    texts = page.locator(".log .text").all_text_contents()
    engines = [app.served(name).engine for name in ("one", "two")]
    slots = engines[0].max_slots
    for engine in engines:
        engine.max_slots = engine.max_waiting = 0
    try:
        button(page, "Continue").click()
        expect(log(page).locator(".refusal")).to_contain_text("try again")
        settled(page)
        page.get_by_role("textbox", name="Prompt").fill("kept")
        button(page, "Send").click()
        expect(page.get_by_role("textbox", name="Prompt")).to_have_value("kept")
        settled(page)
    finally:
        for engine in engines:
            engine.max_slots, engine.max_waiting = slots, 256
    assert page.locator(".log .text").all_text_contents() == texts
    button(page, "Continue").click()
    check_texts(page, "ROMEO:", app, 60)


def test_the_second_text_keeps_its_lens_after_a_blend(page: Page) -> None:
    fast(page, 60)
    choose_second(page, "two, side by side")
    send(page, "ROMEO:")
    settled(page)
    choose_second(page, "two, blended")
    send(page, "JULIET:")
    settled(page)
    choose_second(page, "two, side by side")
    page.get_by_role("group", name="Lens over the second text", exact=True).get_by_text("How surprised?").click()
    expect(second(page).locator("i[class*=b]").first).to_be_visible()
    expect(second(page).locator("i")).to_have_count(len("ROMEO:") + 60)


def test_a_choice_that_hides_the_second_text_says_how_it_is_shown_again(page: Page) -> None:
    fast(page, 20)
    message = page.locator("#message")
    for choice in ("two, side by side", "two, blended", "two, side by side", "none"):
        choose_second(page, choice)
    expect(second(page)).to_have_count(0)
    expect(message).to_be_empty()  # the second model had written nothing
    choose_second(page, "two, side by side")
    send(page, "ROMEO:")
    settled(page)
    for choice in ("two, blended", "none"):
        choose_second(page, choice)
        expect(second(page)).to_have_count(0)
        expect(message).to_have_text(
            "The second text is hidden. To see it again, choose a second model and “side by side”."
        )
        choose_second(page, "two, side by side")
        expect(second(page).locator(".reply")).to_be_visible()
        expect(message).to_be_empty()


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
    assert violations(page) == []
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
