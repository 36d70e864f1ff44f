"""The lenses over the text in a real browser, on wide light and narrow dark displays."""

import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from playwright.sync_api import Page, Route, expect

from model import Cell, SamplingParams, TextTrace
from model.int8.sampling import weights
from model.named_cells import Sample
from tests.browser.driving import TWO_FRAMES, fast, log, more, reply, send, setting, settled, turns
from tests.browser.looking import choose_cell, choose_lens, level, marks, shown, turn_colours_off
from tests.support.app_server import App, eventually, random_model, serving
from tests.support.both_pages import new_line

PROMPT = "ROMEO:\nis it 🙂 ü?"
LENGTH = 80
SAMPLE = Sample("To be, or not to be:\nthat is <b>the</b> question. " * 3, 7)
NAMED = Cell(1, 5, "place in the line", "r", -0.93, 0.1, 0.4, high=(65, 30), low=(1,), sample=SAMPLE)


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    with serving({"random": replace(random_model(), cells=(NAMED,))}) as app:
        yield app


def write(page: Page, prompt: str = PROMPT) -> str:
    """Write a reply of LENGTH characters; returns the text of its turn."""
    fast(page, LENGTH)
    setting(page, "Seed", 7)
    send(page, prompt)
    return prompt + reply(page)


def trace_of(app: App, text: str) -> TextTrace:
    trace = TextTrace(app.served("random").lm, skip_start=True)
    trace.set_text(text)
    return trace


AT_END = """(log) => {
  const { scrollTop, scrollHeight, clientHeight } = log;
  return scrollHeight > clientHeight + 100 && scrollHeight - scrollTop - clientHeight < 2;
}"""


def test_a_growing_text_stays_at_its_end_unless_the_visitor_scrolls_back(page: Page) -> None:
    fast(page, 2000)
    setting(page, "Seed", 1)  # a text of that many lines
    send(page, PROMPT)
    at_end = log(page).element_handle()
    page.wait_for_function(AT_END, arg=at_end)
    page.get_by_role("button", name="Back to the beginning: ROMEO").click()
    expect(turns(page).locator(".prompt")).to_be_in_viewport()
    expect(page.locator(".beginning")).to_be_hidden()
    at_end.evaluate("(log) => (log.scrollTop = log.scrollHeight)")
    page.get_by_role("textbox", name="Prompt").fill("\n" * 4)  # it takes its height from the text
    page.wait_for_function(AT_END, arg=at_end)
    setting(page, "Speed", 100)
    setting(page, "Length", 150)
    send(page, "and", wait=False)
    page.wait_for_function(AT_END, arg=at_end)
    log(page).evaluate("(log) => (log.scrollTop = 40)")
    settled(page)
    assert log(page).evaluate("(log) => log.scrollTop") == 40


def test_a_growing_text_stays_where_it_is_while_the_alternatives_are_shown(page: Page) -> None:
    fast(page, 1500)
    setting(page, "Seed", 1)
    send(page, PROMPT)
    setting(page, "Speed", 40)  # the alternatives are shown before the second line begins
    setting(page, "Length", 400)
    send(page, "and", wait=False)
    letters = turns(page).last.locator(".reply i")
    letters.filter(has_text=re.compile("[a-z]")).nth(10).dispatch_event(
        "click"
    )  # a letter moves under the mouse when a line is added
    expect(page.get_by_role("dialog", name="instead of")).to_be_visible()
    top = log(page).evaluate("(log) => log.scrollTop")
    expect(letters.nth(100)).to_be_attached()
    expect(page.get_by_role("dialog", name="instead of")).to_be_visible()
    assert log(page).evaluate("(log) => log.scrollTop") == top
    page.keyboard.press("Escape")
    page.wait_for_function(AT_END, arg=log(page).element_handle())
    settled(page)


def test_each_reply_has_its_colours_until_the_visitor_turns_them_off(page: Page, app: App) -> None:
    first = write(page)
    second = write(page, "More")
    expect(turns(page).last.locator(".text i[class*=b]")).to_have_count(len(second))
    assert turns(page).first.locator(".text").text_content() == first
    before = new_line(first)  # the next prompt begins a line of its own
    seen = trace_of(app, before + second).tokens(len(before))
    assert marks(turns(page).last) == [level(each.bits) for each in seen]
    more(page, "Take back the last text")
    expect(turns(page)).to_have_count(1)
    assert turns(page).first.locator(".text").text_content() == first
    turn_colours_off(page)
    expect(log(page).locator("i[class*=b]")).to_have_count(0)
    page.reload()
    expect(turns(page).first.locator(".text")).to_have_text(first, use_inner_text=False)
    expect(log(page).locator("i[class*=b]")).to_have_count(0)


def test_the_colours_of_a_reply_wait_for_no_value_of_a_long_prompt(page: Page) -> None:
    expect(page.locator(".welcome i[class*=b]").first).to_be_visible()
    expect(page.locator(".welcome .reply i:not([class*=b])")).to_have_count(0)  # nothing is asked for any more
    page.route("**/trace", lambda _: None)  # never answered
    write(page, "漢" + "x" * 2_000)
    expect(turns(page).last.locator(".reply i[class*=b]")).to_have_count(LENGTH)
    expect(turns(page).last.locator(".prompt i.unknown")).to_have_text("漢")
    page.unroute("**/trace")


def test_the_alternatives_follow_the_keyboard_and_the_settings(page: Page, app: App) -> None:
    text = write(page)
    log(page).focus()
    for key in ("Home", "ArrowRight", "ArrowRight", "ArrowLeft", "ArrowRight"):
        page.keyboard.press(key)
    position = len(PROMPT) + 2
    expect(turns(page).last.locator("i.focus")).to_have_text(text[position])
    lm = app.served("random").lm
    expected = next(trace_of(app, text).tokens(position)).logits
    assert expected is not None
    temperature = 0.8
    rows = page.get_by_role("dialog").locator(".choices li")
    for typed, top_k, top_p, min_p in (
        ("0.8", 0, 1.0, 0),
        ("1.7", 3, 1.0, 0),
        ("99", 0, 0.02, 0),
        ("1.7", 0, 1.0, 0.95),
        ("0", 0, 1.0, 0),
    ):
        temperature = temperature if typed == "99" else float(typed)  # a refused value leaves the last one
        setting(page, "Temperature", typed)
        setting(page, "Top-k", top_k)
        setting(page, "Top-p", top_p)
        setting(page, "Min-p", min_p)
        log(page).press("Enter")
        weight = weights(expected, SamplingParams(temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p))
        order = list(np.argsort(-expected, kind="stable")[:5])
        there = lm.tokenizer.encode(text[position])[0]
        order += [] if there in order else [there]  # the character that is there is always shown
        names = [{"\n": "⏎", " ": "␣", "\t": "⇥"}.get(lm.tokenizer.vocab[at], lm.tokenizer.vocab[at]) for at in order]
        expect(rows.locator(".share")).to_have_text([shown(weight[at] / weight.sum()) for at in order])
        assert rows.locator(".char").all_text_contents() == names
        page.keyboard.press("Escape")


def test_alternatives_that_arrive_late_do_not_open_over_the_control_that_was_clicked_meanwhile(page: Page) -> None:
    write(page)
    expect(turns(page).last.locator(".reply i[class*=b]")).to_have_count(LENGTH)
    held: list[Route] = []
    page.route("**/trace", lambda route: held.append(route))
    turns(page).last.locator(".reply i").nth(10).click()
    box = page.get_by_role("textbox", name="Prompt")
    box.click()
    assert held
    with page.expect_response("**/trace"):
        page.unroute("**/trace")  # the requests go on
    page.evaluate(TWO_FRAMES)
    expect(box).to_be_focused()
    expect(page.locator(".alternatives").first).to_be_hidden()


def cell_values(app: App, text: str, layer: int, index: int) -> list[int]:
    return [round(127 * float(np.tanh(token.cells[layer, index]))) for token in trace_of(app, text).tokens()]


def cell_marks(app: App, text: str, layer: int, index: int) -> list[str]:
    """Return the class that each character has for a cell: the sign and the quarter of its value."""
    levels = [round(4 * each / 127) for each in cell_values(app, text, layer, index)]
    return ["" if not level else f"{'n' if level < 0 else 'p'}{abs(level)}" for level in levels]


def test_the_text_has_the_colours_of_the_chosen_cell(page: Page, app: App) -> None:
    choose_lens(page, "What it remembers")
    text = write(page)
    written = app.served("random").engine.written
    expect(page.locator(".one-cell")).to_contain_text("“position in the line”")
    turn = turns(page).last
    eventually(lambda: marks(turn) == cell_marks(app, text, 1, 5))
    above = page.locator(".curve .p4").get_attribute("d") or ""
    heights = [max(0, each) for each in cell_values(app, text, 1, 5)]
    assert [int(each) for each in re.findall(r"V-?(\d+)H", above)] == heights
    choose_cell(page, 0, 98)
    cell, layer = (page.get_by_role("spinbutton", name=name, exact=True) for name in ("Cell", "Layer"))
    expect(cell).to_have_value("24")  # the last one
    expect(page.locator(".one-cell")).to_contain_text("cell 24 of layer 1")
    classes = cell_marks(app, text, 0, 23)
    eventually(lambda: marks(turn) == classes)
    expect(page.locator(".caption")).to_contain_text(f"Layer 1: 24 cells, one per row; characters 1 to {len(text)}.")
    page.get_by_role("img", name="The cells of the layer").click(position={"x": 3, "y": 2})
    expect(cell).to_have_value("1")
    expect(turn.locator("i.focus")).to_have_count(1)
    expect(page.get_by_text("Where it is highest and lowest")).to_be_hidden()
    named = page.get_by_role("combobox", name="What the cell tracks")
    named.select_option(label="position in the line (cell 6 of layer 2)")
    expect(layer).to_have_value("2")
    expect(page.locator(".about-cell")).to_contain_text("(inverted: it falls)")
    eventually(lambda: marks(turn) == cell_marks(app, text, 1, 5))  # its values are known already
    expect(page.locator(".gates li")).to_have_count(4)
    expect(page.locator(".caption")).to_contain_text("Layer 2: 24 cells")  # nothing moves any more
    page.get_by_text("Where it is highest and lowest").click()
    passages = ["".join(each) for each in NAMED.passages((65, 30, 1))]
    rows = page.locator(".passages li")
    expect(rows).to_have_text([re.compile(re.escape(each).replace("\\\n", "⏎")) for each in passages])
    expect(rows.locator("mark")).to_have_text([SAMPLE.text[at] for at in (65, 30, 1)])
    expect(page.locator(".passages .about")).to_contain_text("a text that the network wrote (seed 7)")
    assert turn.locator(".text").text_content() == text
    assert app.served("random").engine.written == written


def test_the_gates_of_the_character_in_focus_are_shown_and_the_picture_scrolls_to_it(page: Page, app: App) -> None:
    choose_lens(page, "What it remembers")
    page.get_by_text("Other cells, gates and numbers").click()
    text = write(page, PROMPT + "x" * 400)
    expect(page.locator(".caption")).to_contain_text(f"to {len(text)}.")
    log(page).focus()
    for key in ("Home", *["ArrowRight"] * 9):
        page.keyboard.press(key)
    expect(page.locator(".caption")).to_contain_text("characters 1 to 240.")
    gates = trace_of(app, text).step(9).gates[1, :, 5]
    shares = page.get_by_role("list", name="Gates of the cell").locator(".share")
    expect(shares).to_have_count(4)
    shown = pytest.approx(gates.tolist(), abs=0.0106)
    # The gates of the character before may still be shown.
    eventually(lambda: [float(share.replace("−", "-")) for share in shares.all_text_contents()] == shown)
    page.keyboard.press("End")
    expect(page.locator(".caption")).to_contain_text(f"to {len(text)}.")


def test_a_text_that_moves_under_a_resting_pointer_is_not_queried(page: Page) -> None:
    choose_lens(page, "What it remembers")
    write(page)
    turns(page).last.locator(".reply i").nth(10).hover()
    expect(turns(page).last.locator(".reply i").nth(10)).to_have_class(re.compile("focus"))
    which = page.locator(".panel .which .char")
    expect(which).to_have_text(re.compile(".+"))  # the answer for the letter under the pointer
    queries: list[str] = []
    page.on("request", lambda each: queries.append(each.url) if "at" in (each.post_data_json or {}) else None)
    text = write(page, "x\n" * 30)
    expect(turns(page).last.locator(".text i")).to_have_count(len(text))
    assert not queries
    expect(page.locator("i.focus")).to_have_count(0)  # the panel describes no letter of the turn before
    expect(which).to_have_count(0)


def test_the_other_cells_are_scrolled_to_below_the_head_of_their_panel(page: Page) -> None:
    size = page.viewport_size
    assert size
    page.set_viewport_size({"width": 1366, "height": 640})
    write(page)
    choose_lens(page, "What it remembers")
    other = page.locator(".other-cells > summary")
    page.locator(".log .reply i").nth(5).hover()
    other.click()

    def distance() -> float:
        head, box = page.locator(".panel > .head").bounding_box(), other.bounding_box()
        assert head
        assert box
        return box["y"] - head["y"] - head["height"]

    expect(page.locator(".other-cells .gates")).to_contain_text("forget gate")
    eventually(lambda: 0 <= distance() < 10)
    page.set_viewport_size(size)
