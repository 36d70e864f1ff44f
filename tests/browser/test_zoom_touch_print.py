"""Both pages zoomed in, under a finger, on paper and with forced colours."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.driving import (
    TWO_FRAMES,
    boxes_of,
    button,
    footer,
    keep_scrolls,
    log,
    scroll_to_top,
    send,
    setting,
    settled,
    turns,
)
from tests.browser.looking import choose_lens
from tests.support.app_server import eventually
from tests.support.both_pages import PROMPT, Site, begin, both_kinds, link

CONTROLS = "a, button, input, select, textarea, summary"
SMALL = """([selector, least]) => [...document.querySelectorAll(`.char-lstm :is(${selector})`)]
    .filter((each) => each.checkVisibility() && !each.closest("p"))
    .map((each) => each.closest("label:has(> input)") ?? each)
    .filter((each) => Math.round(Math.min(each.offsetHeight, each.offsetWidth)) < least)
    .map((each) => each.outerHTML)"""
# Controls and texts that lie outside of the window to the right, or of which a part is cut off.
CUT = """() => [...document.querySelectorAll(".char-lstm :is(button, label, p, h1, summary, small)")]
    .filter((each) => each.checkVisibility() && !each.closest(".tree, .branches p, .curve, .lensed .log, .for-readers"))
    .filter((each) => {
        const isCut = each.clientWidth > 2 && each.scrollWidth > each.clientWidth + 2;
        return isCut || each.getBoundingClientRect().right > innerWidth + 1;
    })
    .map((each) => each.outerHTML)"""


# The names of the views that are wider than their places, or higher above than below the middle.
MISPLACED = """() => [...document.querySelectorAll('[data-side="0"] .lenses label span')].filter((each) => {
    const range = document.createRange();
    range.selectNodeContents(each);
    const [text, place] = [range.getBoundingClientRect(), each.getBoundingClientRect()];
    const isMiddle = Math.abs(text.top + text.bottom - place.top - place.bottom) < 6;
    return text.left < place.left + 2 || text.right > place.right - 2 || !isMiddle;
}).map((each) => each.textContent)"""

# Where the text of an element ends in the window, from its top.
LAST_LINE = """(each) => {
    const range = document.createRange();
    range.selectNodeContents(each);
    return range.getBoundingClientRect().bottom;
}"""


# The middle of the last character that is whole in the box of the text.
LAST_CHARACTER = """(log) => {
    const range = document.createRange();
    const bottom = Math.min(log.getBoundingClientRect().bottom, innerHeight);
    const nodes = document.createTreeWalker(log.querySelector(":scope > article .reply"), NodeFilter.SHOW_TEXT);
    let last = null;
    while (nodes.nextNode()) {
        for (let at = 0; at < nodes.currentNode.length; at++) {
            if (!nodes.currentNode.data[at].trim()) continue;
            range.setStart(nodes.currentNode, at);
            range.setEnd(nodes.currentNode, at + 1);
            const rect = range.getBoundingClientRect();
            if (rect.width && rect.bottom <= bottom) last = [rect.left + rect.width / 2, rect.top + rect.height / 2];
        }
    }
    return last;
}"""
# Where the character that is marked in the text without a lens begins and ends in the window, from its top.
MARKED = """() => {
    const [range] = CSS.highlights.get("shown-character");
    const { top, bottom } = range.getBoundingClientRect();
    return [top, bottom];
}"""


def phone(both: Site, size: tuple[int, int], **options: Any) -> BrowserContext:
    """The context of a visitor with a phone, whose window has this width and height."""
    viewport = {"width": size[0], "height": size[1]}
    return both.new_context(viewport=viewport, has_touch=True, is_mobile=True, **options)


def unseeded(page: Page, length: int = 40) -> Page:
    """With a seed of its own Retry writes another reply."""
    page = begin(page, length=length)
    setting(page, "Seed", "")
    return page


def places(page: Page) -> list[float]:
    """Where buttons are in the document, from its top."""
    buttons = [button(page, name) for name in ("Send", "Retry", "Continue")]
    return [each.evaluate("(each) => Math.round(each.getBoundingClientRect().top + scrollY)") for each in buttons]


def written(page: Page) -> Page:
    send(unseeded(page), PROMPT)
    send(page, "")
    button(page, "Retry").click()
    expect(page.get_by_role("group", name="Versions")).to_be_visible()
    return page


@both_kinds
@pytest.mark.parametrize("zoom", [2, 4])
def test_a_zoomed_page_fits_and_starts_at_its_top(both: Site, zoom: int) -> None:
    """A window of 1280 × 1024 pixels at 200 and 400 % has 640 × 512 and 320 × 256 of CSS."""
    context = both.new_context(locale="en-US", viewport={"width": 1280 // zoom, "height": 1024 // zoom})
    page = both.open(context=context)
    expect(page.locator("#early")).to_have_count(0)  # the page is in Gradio's component
    eventually(lambda: page.evaluate("scrollY") == 0)
    for part in ("#intro h1", ".welcome .lead"):
        expect(page.locator(part)).to_be_in_viewport()
    page.keyboard.type("R")  # the prompt has the focus
    expect(page.get_by_role("textbox", name="Prompt")).to_be_in_viewport(ratio=1)
    expect(button(page, "Send")).to_be_in_viewport(ratio=1)
    written(page)
    link(page)
    for lens in ("Text", "How surprised?", "What it remembers", "One letter at a time"):
        choose_lens(page, lens)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), lens
        assert page.evaluate(CUT) == [], lens
    context.close()


@pytest.mark.parametrize("size", [(640, 400), (320, 640), (390, 600)])
def test_in_a_low_window_the_prompt_does_not_cover_what_is_written(both: Site, size: tuple[int, int]) -> None:
    context = both.new_context(locale="en-US", viewport={"width": size[0], "height": size[1]})
    page = begin(both.open(context=context), length=300)
    scroll_to_top(page)
    send(page, PROMPT)
    for seen in ("textbox", "button"):
        expect(page.locator("#ask").get_by_role(seen).first).to_be_in_viewport(ratio=1)
    bottom = log(page).evaluate("(each) => each.getBoundingClientRect().bottom")
    assert bottom <= page.locator("#ask").evaluate("(each) => each.getBoundingClientRect().top") + 1
    context.close()


@pytest.mark.parametrize("size", [(360, 640), (1280, 500)])
def test_a_prompt_that_is_sent_below_the_text_brings_the_text_into_the_window(
    both: Site, size: tuple[int, int]
) -> None:
    context = both.new_context(locale="en-US", viewport={"width": size[0], "height": size[1]})
    page = begin(both.open(context=context))
    expect(page.locator("#early")).to_have_count(0)  # the page is in Gradio's component
    page.keyboard.press("Shift")  # until the first key it undoes each scroll (moveTo in web/app.js)
    page.get_by_role("textbox", name="Prompt", exact=True).fill(PROMPT)
    page.evaluate("document.querySelector('#ask').scrollIntoView({ block: 'start', behavior: 'instant' })")
    assert log(page).evaluate("(each) => each.getBoundingClientRect().top") < 0
    page.keyboard.press("Enter")
    settled(page)
    expect(log(page)).to_be_in_viewport(ratio=0.9)
    expect(page.locator("#ask")).to_be_in_viewport(ratio=0.9)
    context.close()


@both_kinds
def test_targets_are_large_enough_for_a_finger(both: Site) -> None:
    context = phone(both, (390, 844), locale="en-US")
    page = written(both.open(context=context))
    link(page)
    assert page.evaluate(SMALL, [CONTROLS, 24]) == []
    assert page.evaluate(SMALL, ["#moves button, #ask *, #examples button, .ways button, .lenses input", 44]) == []
    expect(page.locator("#share-link .close")).to_be_visible()
    assert page.evaluate(SMALL, ["#share-link .close", 44]) == []
    button(page, "Retry").click()
    settled(page)
    assert page.evaluate(SMALL, [".branches button", 36]) == []
    button(page, "Clear").click()
    expect(turns(page)).to_have_count(0)
    send(page, PROMPT)
    page.get_by_text("Earlier conversations", exact=True).last.click()
    expect(page.get_by_role("button", name="Delete: ")).to_be_visible()
    assert page.evaluate(SMALL, ["#history *:is(button, input), #open-model", 44]) == []
    choose_lens(page, "How surprised?")
    page.locator(".log .reply i").locator("visible=true").nth(5).click()  # not a control character
    expect(page.locator(".which .char")).to_be_visible()
    assert page.evaluate(SMALL, [CONTROLS, 24]) == []
    context.close()


@pytest.mark.parametrize("lens", ["What it remembers", "One letter at a time"])
def test_a_second_tap_on_a_character_shows_what_else_could_stand_there(both: Site, lens: str) -> None:
    context = phone(both, (390, 844), locale="en-US")
    page = written(both.open(context=context))
    choose_lens(page, lens)
    visible = page.locator(".log .reply i").locator("visible=true")
    first, second = visible.nth(3), visible.nth(9)
    box = page.get_by_role("dialog", name="What else could stand instead of")
    first.tap()
    expect(first).to_have_class(re.compile(r"\bfocus\b"))
    second.tap()
    expect(second).to_have_class(re.compile(r"\bfocus\b"))
    expect(box).to_be_hidden()
    second.tap()
    expect(box).to_be_visible()
    context.close()


def edges(page: Page, part: str) -> tuple[float, float]:
    """Where the first element that a selector matches begins and ends in the window, from its top."""
    box = page.locator(part).first.bounding_box()
    assert box, part
    return box["y"], box["y"] + box["height"]


def test_the_first_window_shows_the_picture_and_the_gates_above_the_actions(both: Site) -> None:
    context = both.new_context(locale="en-US", viewport={"width": 1280, "height": 800})
    page = begin(both.open(context=context))
    send(page, PROMPT)
    scroll_to_top(page)
    choose_lens(page, "What it remembers")
    log(page).press("Home")
    expect(page.get_by_role("list", name="Gates of the cell").get_by_role("listitem")).to_have_count(4)
    assert page.evaluate("scrollY") == 0
    for part in (".panel canvas", ".panel .gates"):
        assert edges(page, part)[1] <= edges(page, "#moves")[0], part
    context.close()


def test_the_conversation_stays_in_sight_beside_a_long_column_of_settings(both: Site) -> None:
    context = both.new_context(locale="en-US", viewport={"width": 1280, "height": 800})
    page = begin(both.open(context=context))
    send(page, PROMPT)
    keep_scrolls(page)
    page.get_by_role("spinbutton", name="Seed", exact=True).scroll_into_view_if_needed()
    expect(page.get_by_role("spinbutton", name="Seed", exact=True)).to_be_in_viewport(ratio=1)
    for part in (log(page), page.locator("#ask")):
        expect(part).to_be_in_viewport(ratio=1)
    context.close()


def test_a_phone_rewrites_with_a_held_cell_where_the_finger_is_and_only_the_text_stays_in_sight(both: Site) -> None:
    context = phone(both, (360, 640), locale="en-US")
    page = begin(both.open(context=context), length=60)
    send(page, PROMPT)
    choose_lens(page, "What it remembers")
    page.locator(".panel .hold").get_by_text("High", exact=True).tap()
    rewrite = button(page, "Rewrite")  # the one in the row of held cells, under every other lens, is hidden here
    expect(rewrite).to_be_in_viewport(ratio=1)
    rewrite.tap()
    expect(footer(page)).to_contain_text("held high")
    settled(page)
    keep_scrolls(page)
    page.locator(".panel .about-cell").scroll_into_view_if_needed()
    expect(log(page)).to_be_in_viewport(ratio=1)
    for bar in (".held-cells", ".branches"):
        expect(page.locator(bar)).to_be_visible()
        expect(page.locator(bar)).not_to_be_in_viewport()
    choose_lens(page, "How surprised?")
    expect(page.locator(".held-cells").get_by_role("button", name="Rewrite")).to_be_visible()
    context.close()


def test_actions_that_cannot_be_pressed_take_no_room_from_a_lens(both: Site) -> None:
    context = both.new_context(locale="en-US", viewport={"width": 1280, "height": 800})
    page = begin(both.open(context=context))
    expect(page.locator(".log .welcome .reply")).not_to_be_empty()
    scroll_to_top(page)
    choose_lens(page, "How surprised?")
    log(page).press("Home")
    log(page).press("ArrowRight")
    expect(page.locator(".likely li").first).to_be_visible()
    assert edges(page, ".likely")[1] <= edges(page, "#ask")[0]
    expect(page.locator("#moves")).not_to_be_in_viewport()
    send(page, PROMPT)
    expect(page.locator("#moves")).to_be_in_viewport(ratio=1)
    context.close()


def test_a_tap_on_a_character_is_answered_next_to_the_text(both: Site) -> None:
    context = phone(both, (390, 844), locale="en-US")
    page = begin(both.open(context=context))
    send(page, PROMPT)
    scroll_to_top(page)
    choose_lens(page, "What it remembers")
    page.locator(".log .reply i").locator("visible=true").nth(3).tap()
    expect(page.locator(".which")).to_contain_text("took the cell from")
    start, end = edges(page, ".which")
    assert start - edges(page, ".pane .log")[1] < 130
    assert end <= edges(page, "#ask")[0]
    context.close()


@pytest.mark.parametrize("size", [(740, 360), (844, 390), (360, 640)])
def test_a_low_window_shows_the_whole_sheet_of_alternatives_and_the_character(
    both: Site, size: tuple[int, int]
) -> None:
    context = phone(both, size, locale="en-US")
    page = begin(both.open(context=context), length=300)
    send(page, PROMPT)
    choose_lens(page, "How surprised?")
    character = page.locator(".log .reply i:not(.end)").locator("visible=true").nth(2)
    character.tap()
    sheet = page.get_by_role("dialog", name="What else could stand instead of")
    for name in ("Rewrite from here", "Try a different ending"):
        expect(sheet.get_by_role("button", name=name)).to_be_in_viewport(ratio=1)
    assert sheet.evaluate("(each) => each.scrollHeight <= each.clientHeight")
    assert edges(page, ".log .reply i.focus")[1] <= edges(page, ".alternatives")[0]
    assert page.evaluate(SMALL, [".alternatives .choice", 36]) == []
    assert page.evaluate(SMALL, [".alternatives button:not(.choice)", 44]) == []
    page.set_viewport_size({"width": 360, "height": 400})  # too low: what does not fit fades until it is scrolled to
    shade = "(each) => getComputedStyle(each, '::after').opacity"
    eventually(lambda: sheet.evaluate(shade) == "1")
    sheet.evaluate("(each) => each.scrollTo(0, each.scrollHeight)")
    eventually(lambda: sheet.evaluate(shade) == "0")
    context.close()


@both_kinds
@pytest.mark.parametrize("scrolled", [0, 140])
def test_the_sheet_of_alternatives_leaves_the_character_in_sight_at_the_end_of_the_page(
    both: Site, scrolled: int
) -> None:
    context = phone(both, (390, 844), locale="en-US")
    page = begin(both.open(context=context), length=900)
    send(page, PROMPT)
    page.locator("#settings").evaluate("(each) => (each.open = false)")
    keep_scrolls(page)
    page.evaluate("scrollTo({ top: document.documentElement.scrollHeight, behavior: 'instant' })")
    log(page).evaluate("(each, up) => (each.scrollTop = each.scrollHeight - each.clientHeight - up)", scrolled)
    page.touchscreen.tap(*log(page).evaluate(LAST_CHARACTER))
    expect(page.get_by_role("dialog", name="What else could stand instead of")).to_be_visible()
    top, bottom = page.evaluate(MARKED)
    assert edges(page, ".log")[0] <= top
    assert bottom <= edges(page, ".alternatives")[0]
    context.close()


def test_a_tap_on_a_view_leaves_the_switch_under_the_finger(both: Site) -> None:
    context = phone(both, (390, 844), locale="en-US")
    page = begin(both.open(context=context))
    send(page, PROMPT)
    views = page.get_by_role("group", name="Lens over the text")
    for view in ("How surprised?", "What it remembers", "One letter at a time", "Text"):
        page.evaluate("scrollTo({ top: 150, behavior: 'instant' })")
        place = edges(page, ".lenses")
        box = views.get_by_text(view, exact=True).bounding_box()
        assert box
        page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)  # tap() scrolls by itself
        expect(page.locator(".panel").first).to_be_visible(visible=view != "Text")
        expect(views.get_by_role("radio", name=view, exact=True)).to_be_checked()
        page.evaluate(TWO_FRAMES)
        assert edges(page, ".lenses") == place, view
    context.close()


@pytest.mark.parametrize("size", [(360, 640), (390, 844)])
def test_a_tap_on_a_letter_brings_the_gates_of_its_cell_into_the_window(both: Site, size: tuple[int, int]) -> None:
    context = phone(both, size, locale="en-US")
    page = begin(both.open(context=context))
    send(page, PROMPT)
    choose_lens(page, "What it remembers")
    scroll_to_top(page)
    letter = turns(page).last.locator(".prompt i").first
    letter.tap()
    gates = page.get_by_role("list", name="Gates of the cell")
    expect(gates.get_by_role("listitem").last).to_be_in_viewport(ratio=1)
    expect(letter).to_be_in_viewport(ratio=1)
    context.close()


def test_a_phone_does_not_open_its_keyboard_on_arrival_nor_after_a_reply(both: Site) -> None:
    context = phone(both, (390, 844), locale="en-US")
    page = both.open(context=context)
    prompt, send_it = page.get_by_role("textbox", name="Prompt"), button(page, "Send")
    page.wait_for_timeout(1000)  # in which the page would put the focus into the prompt
    expect(prompt).not_to_be_focused()
    begin(page)
    prompt.fill(PROMPT)
    send_it.tap()
    settled(page)
    expect(send_it).to_be_focused()
    context.close()


def test_the_panel_of_a_lens_and_the_prompt_leave_the_ring_of_an_action_whole(both: Site) -> None:
    context = both.new_context(locale="en-US", viewport={"width": 1280, "height": 800})
    page = begin(both.open(context=context))
    send(page, PROMPT)
    choose_lens(page, "One letter at a time")
    box = button(page, "Undo").bounding_box()
    assert box
    below = {"x": box["x"], "y": box["y"] + box["height"] + 1, "width": box["width"], "height": 2}  # the ring is here
    button(page, "Retry").focus()
    before = page.screenshot(clip=below)  # type: ignore[arg-type]
    page.keyboard.press("Tab")
    expect(button(page, "Undo")).to_be_focused()
    assert page.screenshot(clip=below) != before  # type: ignore[arg-type]
    context.close()


def test_a_lens_leaves_some_lines_in_sight_beside_held_cells_and_versions(both: Site) -> None:
    context = phone(both, (360, 640), locale="en-US")
    page = unseeded(both.open(context=context), length=300)
    send(page, PROMPT)
    for count in (2, 3):
        button(page, "Retry").click()
        expect(page.locator(".branches .tree button")).to_have_count(count)
    settled(page)
    choose_lens(page, "What it remembers")
    page.get_by_role("group", name="Hold this cell while it writes").get_by_text("High", exact=True).click()
    expect(page.locator(".held-cells li")).to_have_count(1)
    scroll_to_top(page)  # else the text lies over the panel
    boxes = boxes_of(*(page.locator(each).first for each in (".log", ".branches", ".panel")))
    text, versions, panel = [(each["y"], each["y"] + each["height"]) for each in boxes]
    assert text[1] - text[0] >= 128
    assert versions[1] <= panel[0]
    for part in (".branches .tree", ".log .footer", ".log article .hint"):
        expect(page.locator(part).last).to_be_hidden()  # the text has their room
    context.close()


def test_a_phone_held_sideways_says_what_the_page_is(both: Site) -> None:
    context = phone(both, (844, 390), locale="en-US")
    page = both.open(context=context)
    line = page.locator("#intro p")
    expect(line).to_contain_text("neural network")
    expect(line).to_be_in_viewport(ratio=1)
    assert line.evaluate("(each) => each.scrollHeight <= each.clientHeight + 1")
    context.close()


def test_the_line_that_invites_to_write_is_whole_in_a_box_that_is_too_low_for_the_first_text(both: Site) -> None:
    context = phone(both, (360, 640))
    page = both.open(context=context)
    for language, words in (("de", "Schreib einen Anfang"), ("en", "Type a beginning")):
        page.evaluate("(language) => (document.documentElement.lang = language)", language)
        expect(page.locator(".welcome .hint")).to_contain_text(words)
        expect(page.locator(".welcome article.writing")).to_have_count(0)
        assert page.locator(".log").first.evaluate("(each) => each.scrollHeight > each.clientHeight"), language
        end = page.locator(".welcome .hint").evaluate(LAST_LINE)
        assert end <= edges(page, ".log")[1] - 10, language
    context.close()


@pytest.mark.parametrize("size", [(740, 360), (844, 390)])
def test_a_phone_held_sideways_shows_the_prompt_and_lines_of_the_text_above_it(
    both: Site, size: tuple[int, int]
) -> None:
    context = phone(both, size, locale="en-US")
    page = begin(both.open(context=context), length=300)
    scroll_to_top(page)
    expect(page.locator("#ask")).to_be_in_viewport(ratio=1)
    assert edges(page, "#ask")[0] - edges(page, ".log .welcome .text")[0] >= 3 * 24
    send(page, PROMPT)
    expect(page.locator("#ask")).to_be_in_viewport(ratio=1)
    assert edges(page, ".log")[1] <= edges(page, "#ask")[0] + 1
    assert edges(page, "#ask")[0] - max(0, edges(page, ".log")[0]) >= 8 * 24
    context.close()


@pytest.mark.parametrize("size", [(740, 360), (812, 375), (932, 430)])
def test_a_phone_held_sideways_shows_the_whole_text_of_each_step_of_the_tour(both: Site, size: tuple[int, int]) -> None:
    context = phone(both, size)
    page = both.open(context=context)
    for language, count in (("de", "Schritt"), ("en", "Step")):
        page.evaluate("(language) => (document.documentElement.lang = language)", language)
        for number in range(1, 7):
            page.evaluate(f"location.hash = 'tour-{number}'")
            expect(page.locator("#tour .count")).to_contain_text(f"{count} {number}")
            words = page.locator("#tour .words")
            assert words.evaluate("(each) => each.scrollHeight <= each.clientHeight"), (language, number)
            expect(page.locator("#tour")).to_be_in_viewport(ratio=0.99)
    context.close()


def test_every_action_is_in_sight_above_the_prompt_of_a_phone_in_each_language(both: Site) -> None:
    context = phone(both, (390, 844), locale="en-US")
    page = begin(both.open(context=context), length=20)
    send(page, PROMPT)
    scroll_to_top(page)
    for language, name in (("de", "Weiterschreiben"), ("zh-CN", "继续"), ("zh-TW", "繼續"), ("en", "Continue")):
        page.evaluate("(language) => (document.documentElement.lang = language)", language)
        expect(button(page, name)).to_be_visible()
        for action in page.locator("#moves button").all():
            expect(action).to_be_in_viewport(ratio=0.99)
            box = action.bounding_box()
            assert box, language
            assert min(box["width"], box["height"]) >= 44, language
        expect(page.locator("#ask")).to_be_in_viewport(ratio=0.99)
        row, ask = boxes_of(page.locator("#moves"), page.locator("#ask"))
        assert row["y"] + row["height"] <= ask["y"] + 8, language  # the padding of the row has room for an outline
    context.close()


HEIGHT_ONCE_SHOWN = """(each) => {
  each.hidden = false;
  const height = each.offsetHeight;
  each.hidden = true;
  return height;
}"""


@pytest.mark.parametrize("size", [(320, 640), (360, 640), (390, 844), (740, 360), (844, 390)])
def test_a_phone_shows_the_names_of_the_views_whole_and_in_one_row(both: Site, size: tuple[int, int]) -> None:
    """The links stay in the row of the demonstrations of a phone that is held sideways."""
    context = phone(both, size)
    page = both.open(context=context)
    for language, name in (("de", "Senden"), ("zh-CN", "发送"), ("zh-TW", "傳送"), ("en", "Send")):
        page.evaluate("(language) => (document.documentElement.lang = language)", language)
        expect(button(page, name)).to_be_visible()
        page.evaluate("document.querySelectorAll('#demonstrations button').forEach((each) => (each.hidden = false))")
        assert page.evaluate(MISPLACED) == [], language
        assert page.locator("[data-side='0'] .lenses").evaluate("(each) => each.offsetHeight") < 60, language
        if size[0] > 640:
            assert page.locator("#demonstrations").evaluate("(each) => each.offsetHeight") < 60, language
            link = page.locator("#demonstrations .train")
            assert link.evaluate("(each) => each.scrollHeight <= each.offsetHeight && each.offsetHeight < 50"), language
            if language != "de":
                assert page.locator("#moves").evaluate(HEIGHT_ONCE_SHOWN) < 60, language
    context.close()


@pytest.mark.parametrize("size", [(360, 640), (844, 390)])
def test_a_tap_on_an_example_below_the_window_of_a_phone_shows_the_text(both: Site, size: tuple[int, int]) -> None:
    context = phone(both, size, locale="en-US")
    page = begin(both.open(context=context), length=20)
    examples = page.get_by_role("group", name="Start with", exact=True)
    keep_scrolls(page)
    examples.evaluate("(each) => scrollBy({ top: each.getBoundingClientRect().top - 20, behavior: 'instant' })")
    expect(log(page)).not_to_be_in_viewport(ratio=1)
    examples.get_by_role("button").last.tap()
    expect(log(page)).to_be_in_viewport(ratio=1)
    settled(page)
    context.close()


def test_two_demonstrations_and_the_two_links_make_two_whole_rows_on_a_phone(both: Site) -> None:
    context = phone(both, (390, 844), locale="en-US")
    page = both.open(context=context)
    demonstrations = "document.querySelectorAll('#demonstrations > :is(button, a)')"
    # A model that was trained in the browser has these two: nothing is known of its cells and its training.
    page.evaluate(f"{demonstrations}.forEach((each, at) => (each.hidden = at === 0 || at === 2))")
    tops = page.evaluate(f"[...{demonstrations}].filter((each) => !each.hidden).map((each) => each.offsetTop)")
    assert tops == [tops[0]] * 2 + [tops[2]] * 2
    assert tops[0] < tops[2]
    context.close()


@pytest.mark.parametrize("width", [360, 375])
def test_no_action_is_alone_in_a_row_of_a_phone(both: Site, width: int) -> None:
    context = phone(both, (width, 700), locale="en-US")
    page = begin(both.open(context=context), length=20)
    send(page, PROMPT)
    for language, name in (("de", "Weiterschreiben"), ("zh-CN", "继续"), ("zh-TW", "繼續"), ("en", "Continue")):
        page.evaluate("(language) => (document.documentElement.lang = language)", language)
        expect(button(page, name)).to_be_visible()
        tops = page.locator("#moves button").evaluate_all("(all) => all.map((each) => each.offsetTop)")
        assert min(tops.count(top) for top in tops) >= 3, language
    context.close()


def test_a_pointer_has_targets_of_24_pixels(both: Site) -> None:
    page = written(both.open())
    link(page)
    assert page.evaluate(SMALL, [CONTROLS, 24]) == []


def test_buttons_stay_where_they_are_when_branches_appear(both: Site) -> None:
    page = unseeded(both.open(), length=5)
    send(page, PROMPT)
    where = places(page)
    for count in range(2, 8):
        button(page, "Retry").click()
        expect(page.locator(".branches .tree button")).to_have_count(count)
        for version in page.locator(".branches .tree button").all()[: 3 if count == 3 else 0]:
            expect(version).to_be_in_viewport(ratio=1)
        assert places(page) == where


@pytest.mark.parametrize("lens", ["Text", "How surprised?"])
def test_paper_has_the_whole_conversation_and_no_control(both: Site, lens: str) -> None:
    page = begin(both.open(), length=1500)
    send(page, PROMPT)
    send(page, "\n" * 30)
    choose_lens(page, lens)
    whole = turns(page).locator(".text").all_text_contents()
    page.emulate_media(media="print")
    visible = f"() => [...document.querySelectorAll('{CONTROLS}, footer')].filter((each) => each.checkVisibility())"
    assert page.evaluate(f"({visible})().map((each) => each.outerHTML)") == []
    assert turns(page).locator(".text").all_text_contents() == whole
    for turn in turns(page).all():
        expect(turn).to_be_visible()
    expect(page.locator(".panel .legend").first).to_be_visible(visible=lens != "Text")
    log = page.locator(".log").first
    assert (
        log.evaluate("(each) => each.scrollHeight <= each.clientHeight && getComputedStyle(each).overflowY")
        == "visible"
    )
    for width in (1280, 700):  # also on narrow paper, where a rule for phones must not hold
        page.set_viewport_size({"width": width, "height": 900})
        assert log.evaluate("(each) => each.getBoundingClientRect().height") > 1500
    # Dark letters on white in both colour schemes.
    assert page.locator(".log .text").first.evaluate("(each) => getComputedStyle(each).color") == "rgb(28, 25, 23)"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.emulate_media(media="screen")
    expect(button(page, "Send")).to_be_visible()


def test_forced_colours_leave_the_colours_of_a_lens(both: Site) -> None:
    page = begin(both.open())
    send(page, PROMPT)
    choose_lens(page, "How surprised?")
    expect(page.locator(".log .reply i[class*=b]").first).to_be_attached()
    page.emulate_media(forced_colors="active")
    colours = "(all) => [...new Set(all.map((each) => getComputedStyle(each).backgroundColor))]"
    legend = page.locator(".panel .swatch[class*=' b']:not(.b0)").evaluate_all(colours)
    assert len(legend) == 6
    assert set(page.locator(".log .reply i[class*=b]").evaluate_all(colours)) <= set(legend)
    chosen, other = (
        page.locator(f'[data-side="0"] .lenses input[value="{lens}"] + span') for lens in ("surprise", "plain")
    )
    assert chosen.evaluate_all(colours) != other.evaluate_all(colours)
