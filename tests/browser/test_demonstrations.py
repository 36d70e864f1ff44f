"""Demonstrations and tour on the app's page, which all tests share, and on the static page."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise, takewhile
from pathlib import Path
from typing import cast

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, Route, expect

from model import CharLSTM, generate
from model.checkpoint.samples import Sample
from model.named_cells import Cell
from model.scoring.surprisal import score
from tests.browser.axe import violations
from tests.browser.driving import (
    boxes_of,
    button,
    choose,
    fast,
    footer,
    log,
    open_page,
    reply,
    scroll_to_top,
    send,
    setting,
    settled,
    turns,
)
from tests.browser.looking import choose_lens
from tests.support.app_server import App, random_model, serving
from tests.support.chromium import serve
from tests.support.tiny_models import tiny_model
from training.hub.space_files import ROOT, write_static
from ui.messages import LANGUAGES
from ui.registry.registry import ModelRegistry

PROMPT, LENGTH, SEED = "ROMEO:", 260, 7
LINES_LENGTH = 400  # of the texts whose lines are counted
COUNTER = Cell(1, 3, "place in the line", "r", -0.8, 0.0, 0.2)  # falls along the line: it is held low
STEPS = ["A character is drawn", "Temperature", "Memory", "A gate", "A named cell", "The same seed"]
# The lengths of the bars beside a text, as parts of the room that they have.
WIDTHS = "(box) => [...box.children].map((bar) => bar.offsetWidth / box.clientWidth)"
# Whether the modules of the demonstrations have arrived.
LOADED = """() => ["shown", "stage", "tour", "tour_steps", "learning", "aside"].every((module) =>
  performance.getEntriesByType("resource").some(({ name }) => name.includes(`demonstrations/${module}.js`)))"""
# Whether the controls that a step frames are neither under the card of the tour nor under the text of the lens.
UNCOVERED = """() => [...document.querySelectorAll(":is(.panel, .log, #sliders) .on-tour-here")].every((node) => {
  if (getComputedStyle(node).outlineStyle === "none") return true;
  const { left, top, bottom } = node.getBoundingClientRect();
  const places = [top + 2, (top + bottom) / 2, bottom - 40, bottom - 2].filter((y) => y > top);
  return places.every((y) => node.contains(document.elementFromPoint(left + 20, y)));
})"""
# Whether the likeliest characters and the strip of the draw are below the text of the lens and above the card.
BARS_AND_DICE = """() => {
  const [bars, strip] = [".panel .likely li", ".panel .draw"].map((each) => document.querySelector(each));
  const { bottom } = document.querySelector(".pane .log").getBoundingClientRect();
  const isBelow = bars && bars.getBoundingClientRect().top >= bottom;
  return isBelow && strip.getBoundingClientRect().bottom <= document.querySelector("#tour").getBoundingClientRect().top;
}"""
# Whether what has the focus is in the window and not under the card.
BESIDE_THE_CARD = """() => {
  const { right, bottom } = document.activeElement.getBoundingClientRect();
  const { left, top } = document.querySelector("#tour").getBoundingClientRect();
  return bottom <= innerHeight && (bottom <= top || right <= left);
}"""
# What a demonstration reports on a stage that is closed after the texts have ended and before the page knows it.
CLOSED_AT_THE_END = """async () => {
  const { DEMONSTRATIONS } = await import("/demonstrations/shown.js");
  const [closing, reports] = [new AbortController(), []];
  const columns = (titles) => titles.map(() => ({ show() {}, measure() {} }));
  const stage = { columns, report: (message) => reports.push(message) };
  const write = async (request, { onText }) => {
    onText("text");
    closing.abort();
    return { end: "length", rate: null, error: null };
  };
  const model = { name: "m", commit: null, vocab: ["a"], chat: null, examples: ["a"], cells: [] };
  await DEMONSTRATIONS.bolder.run({ stage, engine: { write }, model, seed: 7, signal: closing.signal });
  return reports;
}"""
MARKED = ["One letter", "the current settings", "", "forget gate f", "Hold this cell while it writes", "seed 7"]


def sample(step: int) -> Sample:
    return {"step": step, "prompt": "", "temperature": 0.7, "seed": 1, "text": f"<b>{step}</b>\ntext"}


def borders(box: Locator) -> list[tuple[int, ...]]:
    """Return the colours of the left and the right border of a box, halfway down; the page is light."""
    image = Image.open(io.BytesIO(box.screenshot())).convert("RGB")
    columns = [(0, 1), (image.width - 2, image.width - 1)]  # a box may begin and end within a pixel
    return [min(cast("tuple[int, ...]", image.getpixel((x, image.height // 2))) for x in pair) for pair in columns]


def learned_model() -> CharLSTM:
    """Return a model with a cell that counts the line and with samples of its training."""
    samples = tuple(sample(step) for step in range(0, 3_000, 100))
    lm = replace(tiny_model(hidden=12), cells=(COUNTER,), samples=samples)
    return replace(lm, training={**lm.training, "examples": [PROMPT]})


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    with serving({"learned": learned_model(), "plain": random_model()}) as app:
        yield app


@pytest.fixture(scope="module")
def page(app: App, browser: Browser) -> Iterator[Page]:
    """The app's page, wide and light; without motion, so that texts are written at full speed."""
    context = browser.new_context(viewport={"width": 1280, "height": 860}, reduced_motion="reduce")
    page, complaints = open_page(context, app)
    yield page
    assert not complaints
    context.close()


@pytest.fixture(autouse=True)
def _leave(page: Page) -> Iterator[None]:
    """Show an empty conversation again."""
    yield
    for name in ("Back to the conversation", "Close"):
        if button(page, name).is_visible():
            button(page, name).click()
    if button(page, "Clear").is_visible() and button(page, "Clear").is_enabled():
        button(page, "Clear").click()


def stage(page: Page) -> Locator:
    return page.locator("#stage")


def show(page: Page, name: str) -> list[str]:
    """Press the button of a demonstration; returns its texts once it has a result."""
    button(page, name).click()
    expect(page.get_by_role("heading", name=name)).to_be_focused()
    expect(stage(page).locator(".result.done")).to_be_visible()
    return stage(page).locator(".text").all_text_contents()


def result(page: Page) -> str:
    return stage(page).get_by_role("status").text_content() or ""


def written(lm: CharLSTM, length: int = LENGTH, **options: object) -> str:
    return PROMPT + generate(lm, PROMPT, length, **{"seed": SEED, **options})  # type: ignore[arg-type]


def counted_lines(text: str) -> list[str]:
    return [line for line in text.removeprefix(PROMPT).split("\n")[1:-1] if line.strip()]


def line_length(text: str) -> str:
    lines = counted_lines(text)
    return f"{sum(map(len, lines)) / len(lines) + 1e-9:.0f}"


def test_make_its_lines_short_holds_the_cell_that_counts_the_line(app: App, page: Page) -> None:
    free, held = show(page, "Make its lines short")
    lm = app.served("learned").lm.models[0]
    assert free == written(lm, LINES_LENGTH)
    assert held == written(lm, LINES_LENGTH, clamps=[(COUNTER.layer, COUNTER.index, -4.0)])
    expect(stage(page).locator("h3")).to_have_text(["Cell free", "Cell held low"])
    means = (line_length(held), line_length(free))
    assert f"{means[0]} characters on average instead of {means[1]}." in result(page)
    assert stage(page).locator(".measure b").all_text_contents() == [means[1], means[0]]
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 844})
        widths = [stage(page).locator(".bars").nth(at).evaluate(WIDTHS) for at in range(2)]
        lengths = [[len(line) for line in counted_lines(text)] for text in (free, held)]
        longest = max(30, *lengths[0], *lengths[1])
        for side in range(2):
            expected = [length / longest for length in lengths[side]]
            assert widths[side] == pytest.approx(expected, abs=0.02)
            expect(stage(page).locator(".measure b").nth(side)).to_be_in_viewport()
            expect(stage(page).locator(".bars").nth(side)).to_be_in_viewport()
            expect(stage(page).locator(".text").nth(side)).to_have_css("white-space", "pre")
            left, right = borders(stage(page).locator(".text").nth(side))
            assert left == pytest.approx(right, abs=2)  # the end of a long line fades, the border does not
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert violations(page) == []
    page.set_viewport_size({"width": 1280, "height": 860})


def test_calm_normal_wild_writes_one_seed_at_three_temperatures(app: App, page: Page) -> None:
    texts = show(page, "Calm, normal, wild")
    lm = app.served("learned").lm.models[0]
    assert texts == [written(lm, temperature=value) for value in (0.3, 0.8, 1.5)]
    shares = []
    for at, text in enumerate(texts):
        costs = score(lm, text).bits[len(PROMPT) :]
        expect(stage(page).locator("section").nth(at).locator("i[class*=b]")).to_have_count(LENGTH)
        shares.append(100 * sum(bits >= 4 for bits in costs) / LENGTH)
    said = re.search(r": (\d+)% of the calm text, (\d+)% of the normal one and (\d+)% of the wild one", result(page))
    assert said
    assert [float(share) for share in said.groups()] == pytest.approx(shares, abs=1)  # the page's weights are quantized
    assert len({box["y"] for box in boxes_of(*stage(page).locator(".text").all())}) == 1
    page.set_viewport_size({"width": 390, "height": 844})
    assert len({box["x"] for box in boxes_of(*stage(page).locator(".text").all())}) == 1
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert violations(page, "#stage") == []
    page.set_viewport_size({"width": 1280, "height": 860})


def test_same_seed_same_text_writes_one_text_twice_and_another_one(app: App, page: Page) -> None:
    lm = app.served("learned").lm.models[0]
    one, other = written(lm), written(lm, seed=8)
    assert show(page, "Same seed, same text") == [one, one, other]
    pairs = zip(one[len(PROMPT) :], other[len(PROMPT) :], strict=True)
    same = [char for char, _ in takewhile(lambda pair: pair[0] == pair[1], pairs)]
    first = 1 + sum(char != "\n" for char in same)  # the page shows no line ends
    assert result(page) == (
        "With the same seed, all 260 characters are equal. "
        f"Seed 8 gives another text: the first difference is at character {first}."
    )
    button(page, "Again, with another seed").click()
    expect(stage(page).locator(".result.done")).to_be_visible()
    again, repeated, _ = stage(page).locator(".text").all_text_contents()
    assert again == repeated != one


def test_watch_it_learn_shows_the_samples_of_the_training(page: Page) -> None:
    button(page, "Watch it learn").click()
    text = stage(page).locator(".text")
    expect(text).to_have_text("<b>0</b>\ntext")
    expect(stage(page).locator(".now")).to_have_text("before the first step: random weights")
    stage(page).get_by_role("slider", name="Training step").press("End")
    expect(text).to_have_text("<b>2900</b>\ntext")
    expect(stage(page).locator(".now")).to_have_text("after step 2,900 of 2,900")
    assert result(page) == (
        "In 2,900 steps a new network went from random characters to words and lines, "
        "only by predicting the next character of one text: none."
    )
    expect(stage(page).locator(".scale")).to_have_text(
        "The first steps have the most room on the slider: in them the network learns most."
    )
    with page.expect_popup() as popup:
        stage(page).get_by_role("link", name="Train on your text").click()
    assert popup.value.url.endswith("index.html#train-alone")
    popup.value.close()
    button(page, "Play").click()
    expect(text).not_to_have_text("<b>2900</b>\ntext")
    button(page, "Pause").click()
    assert violations(page, "#stage") == []


@pytest.mark.parametrize("size", [(360, 640), (740, 360)])
def test_the_player_of_the_samples_is_in_the_first_window_of_a_phone(
    app: App, browser: Browser, size: tuple[int, int]
) -> None:
    width, height = size
    context = browser.new_context(viewport={"width": width, "height": height}, has_touch=True, is_mobile=True)
    page, _ = open_page(context, app)
    scroll_to_top(page)
    button(page, "Watch it learn").tap()
    expect(stage(page).locator(".player")).to_be_in_viewport(ratio=1)
    expect(page.get_by_role("heading", name="Watch it learn")).to_be_in_viewport(ratio=1)
    player, prompt = boxes_of(stage(page).locator(".player"), page.locator("#ask"))
    assert player["y"] + player["height"] <= prompt["y"]
    context.close()


def test_the_way_back_is_beside_the_title_of_each_demonstration_on_a_phone(app: App, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 640}, has_touch=True, is_mobile=True)
    page, _ = open_page(context, app)
    for name in ("Make its lines short", "Calm, normal, wild", "Watch it learn", "Same seed, same text"):
        button(page, name).tap()
        expect(page.get_by_role("heading", name=name)).to_be_visible()
        title, back = boxes_of(page.get_by_role("heading", name=name), stage(page).locator(".close"))
        assert title["x"] + title["width"] <= back["x"], name
        assert back["y"] <= title["y"] + title["height"] / 2 <= back["y"] + back["height"], name
    context.close()


def test_a_phone_shows_the_beginning_of_each_text_of_a_demonstration(app: App, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page, _ = open_page(context, app)
    for name in ("Calm, normal, wild", "Same seed, same text"):
        show(page, name)
        last, prompt = boxes_of(stage(page).locator(".text").last, page.locator("#ask"))
        assert last["y"] + 50 <= prompt["y"], name
    context.close()


def test_a_text_is_where_it_was_after_a_demonstration(page: Page) -> None:
    send(page, "mine\n" * 40)
    log(page).evaluate("(each) => (each.scrollTop = 100)")
    show(page, "Same seed, same text")
    button(page, "Back to the conversation").click()
    expect(log(page)).to_have_js_property("scrollTop", 100)


def test_the_way_back_leads_to_the_button_that_was_pressed_last(page: Page) -> None:
    show(page, "Calm, normal, wild")
    show(page, "Same seed, same text")
    button(page, "Back to the conversation").click()
    expect(button(page, "Same seed, same text")).to_be_focused()


def test_watch_it_learn_waits_for_a_lost_connection(app: App, browser: Browser) -> None:
    context = browser.new_context()
    page, _ = open_page(context, app)
    page.wait_for_function(LOADED)
    context.set_offline(True)
    button(page, "Watch it learn").click()
    expect(stage(page).get_by_role("status").first).to_have_text("The connection was lost. Trying again …")
    context.set_offline(False)
    expect(stage(page).get_by_role("slider", name="Training step")).to_be_visible()
    expect(stage(page).get_by_role("status").first).not_to_contain_text("connection")
    context.close()


def test_the_training_page_of_the_app_begins_at_its_top_on_a_phone(app: App, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 640}, has_touch=True, is_mobile=True)
    page, _ = open_page(context, app)
    page.goto(page.locator("#demonstrations .train").evaluate("(link) => link.href"))
    expect(page.locator("#training textarea").first).to_be_visible()
    expect(page.locator("#intro h1")).to_be_in_viewport(ratio=1)
    context.close()


def test_the_answers_of_a_chat_model_begin_on_a_line_of_their_own(web_page: Page) -> None:
    script = """async (chat) => {
      const { DEMONSTRATIONS } = await import("/demonstrations/shown.js");
      const prompts = [];
      const stage = { columns: (_, prompt) => (prompts.push(prompt), []), report() {} };
      const model = { name: "a", commit: "", vocab: [..."Hi"], examples: ["Hi"], chat };
      await DEMONSTRATIONS.same.run({ stage, engine: {}, model, seed: 7, signal: new AbortController().signal });
      return prompts;
    }"""
    assert web_page.evaluate(script, None) == ["Hi"]
    assert web_page.evaluate(script, {"prefix": "A: ", "suffix": "B: ", "stop": "A: "}) == ["Hi\n"]


def test_the_first_samples_of_a_training_are_shown_longest_and_the_whole_takes_as_long(web_page: Page) -> None:
    script = """async (steps) => {
      const { chosen } = await import("/demonstrations/learning.js");
      const { samples, places } = chosen(steps.map((step) => [step, `${step}`]));
      return [samples.map(([step]) => step), places];
    }"""
    for all_steps in (
        [0, 11, 32, 58, 89, 125, 164, 207, 354, 524, 1000],
        [*range(0, 3_000, 100)],
        [0, 1],
        [500, 900, 1000],
    ):
        steps, places = web_page.evaluate(script, all_steps)
        assert (steps[0], steps[-1], len(set(steps))) == (all_steps[0], all_steps[-1], len(steps))
        assert (places[0], places[-1], len(steps) <= 16) == (0, 1, True)
        times = [end - start for start, end in pairwise(places)]
        assert times[0] == max(times)
        assert min(times) > 0
    for all_steps in ([0, 0, 3], [5, 5], [7, 7, 7]):  # of a stranger's checkpoint
        steps, places = web_page.evaluate(script, all_steps)
        assert steps[-1] == all_steps[-1]
        assert all(0 <= place <= 1 for place in places)


def test_the_names_of_the_demonstrations_fit_on_one_line(page: Page) -> None:
    row = page.locator("#demonstrations")
    for texts in LANGUAGES.values():
        tops = row.evaluate(
            """(row, texts) => {
              const buttons = [...row.querySelectorAll("[data-text]:not(.row-label, .away)")];
              const before = buttons.map((each) => each.textContent);
              buttons.forEach((each) => (each.textContent = texts[each.dataset.text]));
              const tops = buttons.map((each) => each.closest("button, a").offsetTop);
              buttons.forEach((each, at) => (each.textContent = before[at]));
              return tops;
            }""",
            texts,
        )
        assert len(set(tops)) == 1


def test_a_demonstration_leaves_the_conversation_and_the_settings_alone(page: Page) -> None:
    fast(page, 30)
    send(page, "First")
    before = reply(page)
    page.get_by_role("textbox", name="Prompt").fill("a draft")
    setting(page, "Temperature", 1.5)
    show(page, "Same seed, same text")
    expect(log(page)).not_to_be_visible()
    chosen = page.get_by_role("group", name="Demonstrations").get_by_role("button", pressed=True)
    expect(chosen).to_have_text("Same seed, same text")
    for move in ("Continue", "Undo", "Clear", "Copy"):
        expect(button(page, move)).to_be_disabled()
    page.keyboard.press("Escape")
    expect(button(page, "Clear")).to_be_enabled()
    expect(chosen).to_have_count(0)
    expect(button(page, "Same seed, same text")).to_be_focused()
    expect(turns(page).locator(".reply")).to_have_text([before], use_inner_text=False)
    expect(page.get_by_role("textbox", name="Prompt")).to_have_value("a draft")
    expect(page.get_by_role("spinbutton", name="Temperature")).to_have_value("1.5")
    show(page, "Calm, normal, wild")
    page.get_by_role("textbox", name="Prompt").fill("more")
    page.keyboard.press("Enter")
    expect(stage(page)).not_to_be_visible()
    expect(turns(page)).to_have_count(2)
    settled(page)


def test_try_it_yourself_sets_the_control_and_says_what_to_do_without_a_tour(page: Page) -> None:
    fast(page, 30)
    setting(page, "Temperature", 0.8)
    before = page.locator("#about").text_content()
    for name, message in (
        ("Make its lines short", "Cell 3 is now held low: press Send, and the lines become short."),
        ("Calm, normal, wild", "The temperature is now 1.5: press Send, and the text becomes wild."),
        ("Same seed, same text", "The seed is now 7: press Send, then Retry, and the same text comes again."),
    ):
        page.get_by_role("textbox", name="Prompt").fill("")
        show(page, name)
        expect(page.locator("#message")).to_have_text("")  # it was about the demonstration before
        button(page, "Try it yourself").click()
        expect(stage(page)).not_to_be_visible()
        expect(page.locator("#tour")).not_to_be_visible()
        expect(page.locator("#message")).to_have_text(message)
        expect(page.locator("#message")).to_be_in_viewport(ratio=1)
        expect(page.get_by_role("textbox", name="Prompt")).to_be_focused()
        expect(page.get_by_role("textbox", name="Prompt")).to_have_value(PROMPT)
    page.keyboard.press("Enter")
    settled(page)
    expect(footer(page)).to_contain_text("seed 7")
    expect(footer(page)).not_to_contain_text("held")  # what the tries before have set is gone
    expect(page.get_by_role("spinbutton", name="Temperature")).to_have_value("0.8")
    assert (page.get_by_role("spinbutton", name="Length").input_value(), page.locator("#about").text_content()) == (
        "30",
        before,
    )
    setting(page, "Seed", "")


def test_a_demonstration_is_offered_only_by_a_model_that_has_it(page: Page) -> None:
    choose(page, "plain")
    expect(button(page, "Make its lines short")).not_to_be_visible()
    expect(button(page, "Watch it learn")).not_to_be_visible()
    expect(button(page, "Calm, normal, wild")).to_be_enabled()
    choose(page, "learned")
    expect(button(page, "Watch it learn")).to_be_enabled()


def test_each_step_of_the_tour_has_a_link_and_marks_its_control(page: Page) -> None:
    for number, (name, text) in enumerate(zip(STEPS, MARKED, strict=True), 1):
        page.evaluate(f"location.hash = 'tour-{number}'")
        expect(page.get_by_role("heading", name=name)).to_be_focused()
        expect(page.locator(".on-tour-here").filter(has_text=text)).to_be_in_viewport(ratio=0.9)
        page.wait_for_function(UNCOVERED)
        card, text_column = boxes_of(page.locator("#tour"), page.locator("#main"))
        assert card["x"] >= text_column["x"] + text_column["width"]  # it covers only settings
        if 2 <= number <= 5:
            expect(log(page).locator("i.focus")).to_be_in_viewport()
        assert violations(page, "#tour") == []
    button(page, "Close").click()
    expect(page.locator(".on-tour-here")).to_have_count(0)
    expect(log(page).locator(".welcome i[class*=b]").first).to_be_attached()
    expect(log(page).locator("i.focus")).to_have_count(0)
    assert "#" not in page.url


def test_a_demonstration_is_as_high_from_a_lens_as_from_the_text(page: Page) -> None:
    send(page, "a")
    settled(page)
    heights = []
    for lens in ("Text", "What it remembers"):
        choose_lens(page, lens)
        show(page, "Same seed, same text")
        heights.append(stage(page).evaluate("(each) => each.offsetHeight"))
        expect(button(page, "Try it yourself")).to_be_in_viewport(ratio=1)
        button(page, "Back to the conversation").click()
    assert heights[0] == heights[1]
    expect(page.get_by_role("region", name="Lens: What it remembers")).to_be_visible()
    choose_lens(page, "Text")


def test_the_tour_goes_on_by_keyboard_and_gives_everything_back(page: Page) -> None:
    setting(page, "Length", 20)
    setting(page, "Temperature", 0.3)
    send(page, "mine")
    before = reply(page)
    page.get_by_role("textbox", name="Prompt").fill("a draft")
    button(page, "Take the tour").scroll_into_view_if_needed()
    scrolled = page.evaluate("scrollY")
    was_open = page.locator("#more-settings").evaluate("(each) => each.open")
    choose_lens(page, "One letter at a time")
    inside = page.locator(".network details").first
    inside.locator("summary").click()
    choose_lens(page, "Text")
    button(page, "Take the tour").click()
    page.evaluate("scrollBy(0, 40)")
    for number, name in enumerate(STEPS, 1):
        expect(page.get_by_role("heading", name=name)).to_be_focused()
        expect(page.locator("#tour .count")).to_have_text(f"Step {number} of 6")
        assert page.url.endswith(f"#tour-{number}")
        expect(page.locator(".on-tour-here").last).to_be_visible()
        if number == 1:
            expect(inside).to_have_js_property("open", False)
        button(page, "Next" if number < 6 else "Finish").press("Enter")
    expect(button(page, "Take the tour")).to_be_focused()
    expect(turns(page).locator(".reply")).to_have_text([before], use_inner_text=False)
    expect(page.get_by_role("textbox", name="Prompt")).to_have_value("a draft")
    for name, value in (("Length", "20"), ("Temperature", "0.3"), ("Seed", "")):
        expect(page.get_by_role("spinbutton", name=name)).to_have_value(value)
    expect(page.get_by_role("radio", name="Text", exact=True)).to_be_checked()
    expect(page.locator("#more-settings")).to_have_js_property("open", was_open)
    page.wait_for_function("(scrolled) => scrollY === scrolled", arg=scrolled)
    held: list[Route] = []
    page.route("**/trace", lambda route: held.append(route))  # the step scrolls when it has the values of its text
    button(page, "Take the tour").click()
    expect(page.get_by_role("heading", name=STEPS[0])).to_be_focused()
    expect(turns(page)).to_have_count(1)
    settled(page)
    page.locator("#min_p").evaluate(
        "(each) => (scrollBy(0, each.getBoundingClientRect().bottom - innerHeight + 90), each.focus())"
    )
    page.wait_for_function(BESIDE_THE_CARD)  # it was under the card
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")  # above the window: what the step shows
    page.unroute("**/trace")  # the requests go on
    assert held
    expect(page.locator(".panel .stages")).to_be_attached()
    page.wait_for_timeout(1000)  # in which the step would scroll to what it shows
    assert page.evaluate(BESIDE_THE_CARD), "the step scrolled away from the control that has the focus"
    page.get_by_role("textbox", name="Prompt").focus()
    page.wait_for_function(BESIDE_THE_CARD)
    page.evaluate("document.activeElement.blur()")  # as after a click beside all controls
    page.keyboard.press("Escape")
    expect(page.locator("#tour")).to_be_hidden()


def test_a_link_to_a_step_of_the_tour_scrolls_to_what_the_step_shows(page: Page, app: App) -> None:
    for number, part in ((4, ".panel .closely"), (3, ".panel canvas"), (5, ".panel .hold")):
        page.goto("about:blank")
        page.goto(f"{app.url}#tour-{number}")
        expect(page.get_by_role("heading", name=STEPS[number - 1])).to_be_focused()
        expect(page.locator(part)).to_be_in_viewport(ratio=1)


def test_on_a_phone_held_sideways_the_tour_frames_nothing_under_its_card(page: Page) -> None:
    page.set_viewport_size({"width": 844, "height": 390})
    page.evaluate("location.hash = 'tour-2'")
    expect(page.get_by_role("heading", name="Temperature")).to_be_focused()
    expect(page.locator(".panel .closely.on-tour-here")).to_be_in_viewport(ratio=0.9)
    page.wait_for_function(UNCOVERED)
    page.set_viewport_size({"width": 1280, "height": 860})
    expect(page.locator('[data-setting="temperature"]')).to_have_css("outline-style", "solid")


def test_the_buttons_of_the_tour_act_on_the_real_controls(page: Page) -> None:
    with page.expect_request("**/write") as sent:
        page.evaluate("location.hash = 'tour-1'")
    assert (sent.value.post_data_json or {})["speed"] is None  # the buttons of the step wait for this text
    expect(page.locator(".on-tour-here").first).to_be_visible()
    settled(page)
    fast(page)
    tour = page.locator("#tour")
    length = len(reply(page))
    tour.get_by_role("button", name="One letter").click()
    expect(footer(page)).to_contain_text(f"{length + 1} characters")
    button(page, "Next").click()
    expect(page.locator(".likely li.there")).to_have_count(1)
    tour.get_by_role("button", name="Temperature 0.2").click()
    expect(page.get_by_role("spinbutton", name="Temperature")).to_have_value("0.2")
    pressed = tour.locator("[aria-pressed=true]")
    expect(pressed).to_have_text("0.2")
    setting(page, "Temperature", 1.5)
    expect(pressed).to_have_text("1.5")
    for number in (3, 4):
        page.evaluate(f"location.hash = 'tour-{number}'")
        expect(page.get_by_role("heading", name=STEPS[number - 1])).to_be_focused()
        expect(page.get_by_role("spinbutton", name="Temperature")).to_have_value(
            "0.8"
        )  # each step begins with the same
        for name in ("Next character", "Previous character"):
            button(page, name).click()
            expect(page.locator(".on-tour-here").last).to_be_in_viewport(ratio=0.9)
    page.evaluate("location.hash = 'tour-5'")
    expect(page.get_by_role("spinbutton", name="Cell (from 0)")).to_have_value(str(COUNTER.index))
    button(page, "Hold it and write again").click()
    expect(footer(page)).to_contain_text("cell 3 (layer 1) held low")
    expect(page.locator(".compared.on-tour-here")).to_be_visible()
    page.wait_for_function(UNCOVERED)
    button(page, "Free it and write again").click()
    expect(footer(page)).not_to_contain_text("held low")
    button(page, "Next").click()
    button(page, "Write it again").click()
    expect(tour.get_by_role("status")).to_have_text("The same text again, character for character.")
    button(page, "With another seed").click()
    expect(tour.get_by_role("status")).to_have_text("Another text.")
    expect(page.get_by_role("spinbutton", name="Seed", exact=True)).to_have_value("8")


def test_the_last_step_of_the_tour_writes_the_same_text_again_also_after_a_held_cell(page: Page) -> None:
    page.evaluate("location.hash = 'tour-5'")
    expect(page.get_by_role("heading", name=STEPS[4])).to_be_focused()
    fast(page)
    button(page, "Hold it and write again").click()
    expect(footer(page)).to_contain_text("held low")
    button(page, "Next").click()
    expect(footer(page)).not_to_contain_text("held low")
    button(page, "Write it again").click()
    expect(page.locator("#tour").get_by_role("status")).to_have_text("The same text again, character for character.")


def test_the_text_of_the_tour_is_kept_only_once_the_visitor_adds_to_it(page: Page) -> None:
    fast(page, 20)
    send(page, "mine")
    stored = "Object.keys(localStorage).filter((key) => key.startsWith('char-lstm/conversation/')).length"
    before = page.evaluate(stored)
    for move, kept in ((None, 0), ("Clear", 0), ("Continue", 1)):
        button(page, "Take the tour").click()
        expect(page.get_by_role("heading", name=STEPS[0])).to_be_focused()
        settled(page)
        length = len(reply(page))
        page.locator("#tour").get_by_role("button", name="One letter").click()
        expect(footer(page)).to_contain_text(f"{length + 1} characters")
        settled(page)
        if move:
            button(page, move).click()
            expect(button(page, "Stop")).to_be_disabled()
        expect(page.locator("#message")).to_be_empty()  # nothing says that the text is kept
        button(page, "Close").click()
        expect(turns(page).locator(".prompt")).to_have_text("mine")
        assert page.evaluate(stored) == before + kept
    page.reload()
    expect(turns(page).locator(".prompt")).to_have_text("mine")
    button(page, "Take the tour").click()
    expect(page.get_by_role("heading", name=STEPS[0])).to_be_focused()
    settled(page)
    page.reload()
    expect(turns(page).locator(".prompt")).to_have_text(PROMPT)  # the address has the step
    assert page.evaluate(stored) == before + 1
    button(page, "Close").click()
    expect(turns(page).locator(".prompt")).to_have_text("mine")


def test_a_demonstration_that_was_closed_while_its_texts_ended_reports_nothing(browser: Browser) -> None:
    context = browser.new_context()
    with serve(ROOT / "web") as url:
        page = context.new_page()
        page.goto(f"{url}settings.json")  # a document of the site without scripts
        assert page.evaluate(CLOSED_AT_THE_END) == []
    context.close()


def test_the_static_page_has_them_too(browser: Browser, tmp_path: Path) -> None:
    lm = learned_model()
    write_static(tmp_path / "site", lm)
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark", reduced_motion="reduce")
    with serve(tmp_path / "site") as url:
        page, complaints = open_page(context, App(url, ModelRegistry()))
        assert show(page, "Make its lines short")[0] == written(lm, LINES_LENGTH)
        button(page, "Watch it learn").click()
        expect(stage(page).locator(".text")).to_have_text("<b>0</b>\ntext")
        assert violations(page, "#stage") == []
        stage(page).get_by_role("link", name="Train on your text").click()
        expect(page.locator("#training > summary")).to_be_focused()
        expect(page.get_by_role("textbox", name="Your text")).to_be_in_viewport()
        page.goto(f"{url}#tour-4")
        expect(page.get_by_role("heading", name="A gate")).to_be_focused()
        expect(page.locator(".on-tour-here")).to_contain_text("forget gate f")
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        for width, height in ((360, 640), (390, 844)):
            page.set_viewport_size({"width": width, "height": height})
            page.evaluate("location.hash = 'tour-1'")
            expect(page.get_by_role("heading", name=STEPS[0])).to_be_focused()
            page.wait_for_function(BARS_AND_DICE)
            page.locator("#tour").get_by_role("button", name="One letter").click()
            settled(page)
            page.wait_for_function(BARS_AND_DICE)
            page.locator(".network details").evaluate("(each) => (each.open = true)")
            page.evaluate("location.hash = 'tour-2'")
            expect(page.get_by_role("heading", name="Temperature")).to_be_focused()
        expect(page.locator(".panel .likely li")).to_have_count(5)
        expect(page.locator(".panel[aria-busy]")).to_have_count(0)
        expect(page.locator(".panel .likely").first).to_be_in_viewport(ratio=1)  # the tour scrolls to it
        bars, card = (
            page.locator(each).first.evaluate("(each) => each.getBoundingClientRect().toJSON()")
            for each in (".panel .likely", "#tour")
        )
        assert bars["top"] < bars["bottom"] <= card["top"]
        assert card["height"] <= 0.29 * 844
        page.set_viewport_size({"width": 360, "height": 740})
        for number in (5, 6, 2):
            page.evaluate(f"location.hash = 'tour-{number}'")
            expect(page.get_by_role("heading", name=STEPS[number - 1])).to_be_focused()
            for control in page.locator("#tour button:not(.go)").all():
                expect(control).to_be_in_viewport(ratio=0.99)
        page.set_viewport_size({"width": 320, "height": 256})
        expect(page.get_by_role("heading", name="Temperature")).to_be_in_viewport(ratio=1)
        assert page.locator("#tour").evaluate("(card) => card.offsetHeight") <= 0.5 * 256
        for name in ("Back", "Next", "Close"):
            expect(button(page, name)).to_be_in_viewport(ratio=0.99)
        button(page, "Next").focus()
        page.keyboard.press("Tab")
        expect(button(page, "Go to it")).to_be_in_viewport(ratio=0.99)  # only with the focus
        assert not complaints
    context.close()
