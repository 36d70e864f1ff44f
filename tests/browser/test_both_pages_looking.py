"""Lenses and clamps, on the static page: the app's page does the same."""

import re

import numpy as np
from playwright.sync_api import Locator, Page, expect

from model import TextTrace
from model.attribution import occlusion_in_slices
from model.scoring import result_of
from tests.browser.driving import button, continued, footer, log, reply, send, setting, settled, turns
from tests.browser.looking import choose_cell, choose_lens, quoted
from tests.support.app_server import eventually
from tests.support.both_pages import LENGTH, PROMPT, SEED, TWO, Site, begin, text_of


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
    box, letter = (page.locator(each).bounding_box() for each in (".alternatives", ".log i.focus"))
    assert box
    assert letter
    is_below_or_above = box["y"] >= letter["y"] + letter["height"] or box["y"] + box["height"] <= letter["y"]
    is_beside = box["x"] >= letter["x"] + letter["width"] or box["x"] + box["width"] <= letter["x"]
    assert is_below_or_above or is_beside, "the box covers it"
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


def clamp(page: Page, layer: int, cell: int, direction: str = "High") -> None:
    choose_cell(page, layer, cell)
    expect(page.get_by_role("radio", name="Free", exact=True)).to_be_checked()
    page.get_by_role("group", name="Hold this cell and see the text change").get_by_text(direction, exact=True).click()


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
    expect(before).to_have_text(PROMPT + clamped, use_inner_text=False)
    settled(page)
    assert reply(page) == free
    button(page, "Keep the new one").click()
    send(page, "more")
    expect(footer(page)).not_to_contain_text(" held ")


def test_another_value_for_a_cell_while_its_version_is_written_begins_it_again(both: Site) -> None:
    page = begin(both.open())
    send(page, PROMPT)
    choose_lens(page, "What it remembers")
    choices = page.get_by_role("group", name="Hold this cell and see the text change")
    for first, second in (("High", "Low"), ("Free", "High")):  # the second pair replaces a version that holds a cell
        setting(page, "Speed", 5)
        if first == "High":
            clamp(page, 1, 0)
        else:
            choices.get_by_text(first, exact=True).click()
        eventually(lambda: 3 < len(reply(page)) < 30)
        choices.get_by_text(second, exact=True).click()
        setting(page, "Speed", 200)
        settled(page)
        assert reply(page) == text_of(both, clamps=[(1, 0, -4.0 if second == "Low" else 4.0)])
        now = page.get_by_role("group", name="Now", exact=True)
        expect(now).to_have_attribute("data-title", re.compile(f"held {second.lower()}"))
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
    expect(clamps(page)).to_be_visible()
    both.blend(page)
    page.get_by_role("combobox", name="Model", exact=True).select_option(TWO)
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
    page.locator("#settings > .close").click()  # they cover a part of the panel
    page.get_by_text("Inside the network").click()
    expect(page.get_by_role("img", name=re.compile(r"^Cell 1 of layer \d: forget gate f"))).to_have_count(2)
    expect(page.get_by_role("list", name="The likeliest letters").get_by_role("listitem").nth(4)).to_be_visible()
    continued(page, LENGTH + 3)
    assert reply(page) == text_of(both, length=LENGTH + 3)
    expect(turns(page)).to_have_count(1)
