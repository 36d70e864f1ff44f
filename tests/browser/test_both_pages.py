"""Replies, conversations, settings, lenses, clamps and links on the static page: the app's page does the same."""

import json
import re
from urllib.parse import urlencode

import numpy as np
from playwright.sync_api import Locator, Page, expect

from model import Blend, TextTrace, generate
from model.attribution import occlusion_in_slices
from model.scoring import result_of
from tests.browser.driving import (
    button,
    choose,
    continued,
    fast,
    footer,
    log,
    open_settings,
    reply,
    send,
    setting,
    settled,
    stored_logs,
    turns,
)
from tests.browser.looking import choose_cell, choose_lens, is_covered, quoted
from tests.browser.test_links import SAME
from tests.support.app_server import App, eventually, serving
from tests.support.both_pages import LENGTH, ONE, PROMPT, SEED, TWO, Site, begin, link, stored_parts, text_of
from ui.registry.registry import ModelRegistry


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
    button(page, "Bring the conversation back").click()
    expect(turns(page)).to_have_count(1)


def test_impossible_blends_are_not_offered(both: Site) -> None:
    page = begin(both.open())
    both.blend(page)
    choose_lens(page, "What it remembers")
    expect(page.get_by_text("Cells can't be held while blending.")).to_be_visible()
    expect(page.get_by_role("radio", name="High", exact=True)).to_be_hidden()
    open_settings(page)
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
            ["Bring the conversation back"]
        )
        expect(page.locator(".welcome .lead")).to_be_visible()  # what the colours mean
    page.locator("#history summary").click()
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
    page.get_by_role("textbox", name="Prompt", exact=True).fill("")
    continued(page, 100)
    assert reply(page) == text_of(both, length=100, temperature=1.3)


def trace(site: Site, text: str) -> TextTrace:
    text_trace = TextTrace(site.one, skip_start=True)
    text_trace.set_text(text)
    return text_trace


def test_why_shows_how_much_each_character_before_mattered(both: Site) -> None:
    page = begin(both.open())
    send(page, PROMPT)
    text = PROMPT + text_of(both)
    found = result_of(occlusion_in_slices(trace(both, text), len(text) - 1))
    turns(page).last.locator(".text i").nth(len(text) - 1).click()
    page.set_viewport_size({"width": 1280, "height": 620})  # the box with all details is higher than the space for it
    page.get_by_text("Why this letter?").click()
    options = page.get_by_role("listbox", name="The letters before it").get_by_role("option")
    sizes = found.changes / max(np.abs(found.changes).max(), 0.1)  # the smallest change with a full bar has 0.1 bits
    most = int(np.abs(sizes).argmax())
    first = min(max(0, len(sizes) - 20), int(np.argmax(np.abs(sizes) >= np.abs(sizes[most]) / 2)))
    expect(options).to_have_count(len(sizes) - first)
    settled(page)  # the box has its place a frame later
    assert not is_covered(page)
    expect(options.nth(most - first)).to_have_attribute("aria-selected", "true")
    bars = (
        "(all) => all.map(({ style, className }) => style.getPropertyValue('--part') * (className === 'less' ? -1 : 1))"
    )
    sizes[np.abs(sizes) < 1 / 8] = 0  # too small for a colour
    np.testing.assert_allclose(options.evaluate_all(bars), sizes[first:], atol=1e-3)
    page.get_by_role("listbox", name="The letters before it").press("Home")
    for at in (0, 1, 2):
        expect(options.nth(at)).to_have_attribute("aria-selected", "true")
        left_out = text[first + at]
        expect(page.locator(".why .change")).to_contain_text(f"Without {quoted(left_out)}, ")
        page.keyboard.press("ArrowRight")
    options.nth(5).hover()
    expect(options.nth(5)).to_have_attribute("aria-selected", "true")
    expect(page.locator(".choices .choice").first).to_be_visible()  # beside them
    button(page, "Close").click()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_long_reply_ends_with_a_word_and_a_link_writes_the_same_length(both: Site) -> None:
    page = begin(both.open(), length=500)
    send(page, PROMPT)
    longest = text_of(both, length=510)
    ends = (at for at in range(500, 510) if not re.search(r"[^\W_]|['’-]", longest[at - 1]))
    assert reply(page) == longest[: next(ends, 510)]
    reader = both.open(f"?{urlencode({'prompt': PROMPT, 'seed': SEED, 'length': 500, 'speed': 200})}")
    settled(reader)
    assert reply(reader) == longest[:500]


def clamp(page: Page, layer: int, cell: int, direction: str = "High") -> None:
    choose_cell(page, layer, cell)
    expect(page.get_by_role("radio", name="Free", exact=True)).to_be_checked()
    page.get_by_role("group", name="Hold this cell at one value and see the text change").get_by_text(
        direction, exact=True
    ).click()


def test_a_clamped_cell_changes_the_reply_and_both_are_compared(both: Site) -> None:
    free = text_of(both)
    changed = ((cell, text_of(both, clamps=[(1, cell, 4.0)])) for cell in range(24))
    cell, clamped = next((cell, text) for cell, text in changed if text[0] != free[0])
    page = begin(both.open())
    choose_lens(page, "What it remembers")
    send(page, PROMPT)
    expect(clamps(page)).to_be_hidden()
    clamp(page, 1, cell)
    expect(page.locator(".caption")).to_contain_text(f"characters 1 to {len(PROMPT + free)}.")
    expect(clamps(page)).to_be_visible()
    settled(page)
    assert reply(page) == clamped
    before = page.get_by_role("group", name="The version before")
    expect(before).to_have_text(PROMPT + free, use_inner_text=False)
    expect(page.locator("i.changed")).to_have_text([clamped[0], free[0]], use_inner_text=False)
    expect(before.locator("i.same")).to_have_count(0)
    release = button(page, f"Release: cell {cell + 1} of layer 2 held high")
    for end in (release, button(page, "Keep the old one")):
        end.click()
        expect(clamps(page)).to_be_hidden()
        expect(page.get_by_role("radio", name="Free", exact=True)).to_be_checked()
        expect(before).to_be_hidden()
        assert reply(page) == free
        clamp(page, 1, cell)
        settled(page)
    button(page, "Keep the new one").click()
    expect(footer(page)).to_contain_text(f"cell {cell + 1} of layer 2 held high")
    release.click()
    expect(clamps(page)).to_be_hidden()
    assert reply(page) == clamped  # it was kept
    send(page, "more")
    expect(footer(page)).not_to_contain_text(" held ")


def test_another_value_for_a_cell_while_its_version_is_written_begins_it_again(both: Site) -> None:
    page = begin(both.open())
    send(page, PROMPT)
    choose_lens(page, "What it remembers")
    choices = page.get_by_role("group", name="Hold this cell at one value and see the text change")
    for first, second in (("High", "Low"), ("Free", "High")):  # the second pair replaces a version that holds a cell
        setting(page, "Speed", 5)
        page.locator("#settings > .close").click()
        if first == "High":
            clamp(page, 1, 0)
        else:
            choices.get_by_text(first, exact=True).click()
        eventually(lambda: 3 < len(reply(page)) < 30)
        choices.get_by_text(second, exact=True).click()
        setting(page, "Speed", 200)
        page.locator("#settings > .close").click()
        settled(page)
        assert reply(page) == text_of(both, clamps=[(1, 0, -4.0 if second == "Low" else 4.0)])
        now = page.get_by_role("group", name="Now", exact=True)
        expect(now).to_have_attribute("data-title", re.compile(f"^Now: cell 1 of layer 2 held {second.lower()}$"))
        before = page.get_by_role("group", name="The version before")
        expect(before).to_have_attribute(
            "data-title", re.compile(f"^Before: .*{'no cell held' if first == 'High' else 'held low'}$")
        )
        button(page, "Keep the new one").click()


def clamps(page: Page) -> Locator:
    return page.get_by_role("group", name="Cells that are held")


def test_a_fifth_clamp_is_refused_and_the_others_stay(both: Site) -> None:
    page = begin(both.open())
    send(page, PROMPT)
    choose_lens(page, "What it remembers")
    chips = clamps(page).get_by_role("button", name="Release")
    for cell in range(4):
        clamp(page, 0, cell)
        expect(chips).to_have_count(cell + 1)
        settled(page)
    for cell in (4, 5):
        clamp(page, 0, cell)
        expect(log(page).locator(".refusal")).to_have_text("At most 4 cells can be held at once: release one.")
        expect(page.get_by_role("radio", name="Free", exact=True)).to_be_checked()
        assert chips.all_text_contents() == [f"cell {each} of layer 1 held high" for each in range(1, 5)]
    assert reply(page) == text_of(both, clamps=[(0, cell, 4.0) for cell in range(4)])
    button(page, "Keep the new one").click()
    expect(log(page).locator(".refusal")).to_have_count(0)
    choose_lens(page, "Text")
    chips.first.click()
    expect(chips).to_have_count(3)
    assert reply(page) == text_of(both, clamps=[(0, cell, 4.0) for cell in range(4)])  # it was kept
    both.blend(page)
    choose(page, TWO)
    expect(clamps(page)).to_be_hidden()  # they are cells of the first model


def test_one_letter_at_a_time(both: Site) -> None:
    page = begin(both.open())
    choose_lens(page, "One letter at a time")
    text = text_of(both)
    page.get_by_role("textbox", name="Prompt", exact=True).fill(PROMPT)
    for length in (1, 2, 3):
        button(page, "One letter").click()
        settled(page)
        assert reply(page) == text[:length]
        read, drew = map(quoted, (PROMPT + text)[len(PROMPT) + length - 2 :][:2])
        expect(page.locator(".wrote")).to_contain_text(f"After {read} it drew {drew}, which was ")
        expect(page.get_by_role("img", name=re.compile("^The dice show 0[.]"))).to_be_visible()
        expect(page.locator(".stages")).to_contain_text(f"Random number {length - 1} of seed {SEED}.")
    expect(page.get_by_role("list", name="How the letter came to be").locator("> li")).to_have_count(3)
    page.get_by_text("Inside the network").click()
    expect(page.get_by_role("img", name=re.compile(r"^Cell 1 of layer \d: forget gate f"))).to_have_count(2)
    expect(page.get_by_role("list", name="The likeliest letters").get_by_role("listitem").nth(4)).to_be_visible()
    continued(page, LENGTH + 3)
    assert reply(page) == text_of(both, length=LENGTH + 3)
    expect(turns(page)).to_have_count(1)


def follow(site: Site, query: str, app: App | None = None) -> Page:
    """Open a link as another visitor and watch its text being written."""
    page = site.open(f"?speed=200&{query}", context=site.new_context(locale="en-US"), app=app)
    expect(turns(page).last.locator(".mark")).to_have_text(SAME)
    open_settings(page)
    return page


def test_changes_during_a_reply_are_in_its_link(both: Site) -> None:
    page = begin(both.open(), speed=5, length=120)
    choose_lens(page, "What it remembers")
    send(page, PROMPT, wait=False)
    eventually(lambda: len(reply(page)) > 5)
    setting(page, "Temperature", 1.5)
    eventually(lambda: len(stored_parts(page)) == 2)
    clamp(page, 1, 5)
    eventually(lambda: len(stored_parts(page)) == 3)
    fast(page)
    settled(page)
    text, parts = reply(page), stored_parts(page)
    assert [each["settings"]["temperature"] for each in parts] == [0.8, 1.5, 1.5]
    assert [each["cells"] for each in parts] == [[], [], [[1, 5, 4]]]
    begun = len(parts[0]["text"])
    assert text[:begun] == text_of(both, length=begun)
    query = link(page)
    assert "&temperature=1.5" in query
    assert "&hold=1.5~4" in query
    reader = follow(both, query)
    assert reply(reader) == text
    expect(reader.get_by_role("spinbutton", name="Length")).to_have_value("120")
    expect(clamps(reader)).to_contain_text("cell 6 of layer 2 held high")
    reader.context.close()


def test_a_link_to_a_blend(both: Site) -> None:
    page = begin(both.open())
    both.blend(page)
    setting(page, "Blend", 0.3)
    send(page, PROMPT)
    continued(page, 2 * LENGTH)
    reader = follow(both, link(page))
    assert reply(reader) == generate(Blend(both.one, both.two, 0.3), PROMPT, 2 * LENGTH, seed=SEED)
    expect(reader.get_by_role("combobox", name="Second model")).to_have_value(f"blended {TWO}")
    expect(reader.get_by_role("spinbutton", name="Blend")).to_have_value("0.3")
    continued(reader, 4 * LENGTH)
    expect(footer(reader)).to_contain_text(f"{both.name} + {TWO}, 30% from the second")
    assert link(reader).count("&share=0.3") == 1
    reader.context.close()


def test_a_link_of_one_page_opens_on_the_other(both: Site) -> None:
    page = begin(both.open(f"?model={ONE}"))
    send(page, PROMPT)
    query, text = link(page), reply(page)
    assert f"model=ada%2Fone%40{both.commit}" in query
    registry = ModelRegistry([ONE])
    registry.start()
    assert registry.settled.wait(60)
    with serving(registry) as app:
        reader = follow(both, query, app)
        assert reply(reader) == text
        expect(reader.locator("#about")).to_contain_text(f"commit {both.commit[:7]}")
        reader.context.close()


def test_a_link_may_name_the_static_pages_own_model_or_none_but_no_unknown_one(both: Site) -> None:
    for name in (both.name, ""):
        context = both.new_context(locale="en-US")
        page = both.open(f"?prompt=ROMEO:&seed={SEED}&length={LENGTH}&speed=200&model={name}", context=context)
        expect(log(page).locator(".mark")).to_contain_text("This link does not say which text")
        open_settings(page)
        assert reply(page) == text_of(both, "ROMEO:")
        expect(page.get_by_role("combobox", name="Model", exact=True)).to_have_value(both.name)
        context.close()
    page = both.open(f"?prompt=ROMEO:&length={LENGTH}&speed=200")
    settled(page)
    expect(log(page).locator(".mark")).to_contain_text("This is a new text")
    page.goto(f"{both.app.url}?prompt=ROMEO:&model=nothere")
    refusal = "This link needs the model 'nothere', which this page does not have."
    expect(log(page).locator(".refusal")).to_have_text(refusal)
    expect(turns(page)).to_have_count(0)
    expect(page.get_by_role("group", name="This reply").get_by_role("button")).to_have_count(0)
