"""The view modules of web/: the lenses, the tree of branches, the training timeline and the document.

A conversation and an engine without a model (view_modules.js) drive the drawing here, and nothing else: what a model
writes and what an engine answers is tested with real ones elsewhere.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.browser.driving import Display, boxes_of, complaints_of
from tests.browser.looking import choose_lens
from tests.support.chromium import serve

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("view_modules.js")
DOCUMENT = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>char-lstm</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">
<link rel="stylesheet" href="document/style.css"></head><body class="standalone"><main></main></body></html>"""
PROMPT = "ROMEO:\nis it 🙂 ü?"
REPLY = "But soft! What light\nthrough yonder window\n\nbreaks 漢 here?\n"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serve(ROOT / "web") as url:
        yield url


@pytest.fixture
def page(display: Display, contexts: dict[Display, BrowserContext], url: str) -> Iterator[Page]:
    """The document on one display; fails on console messages and sideways scrolling."""
    page, complaints = view(contexts[display], url, is_dark=display[2] == "dark")
    yield page
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"
    assert not complaints
    page.close()


def view(context: BrowserContext, url: str, *, is_dark: bool = False) -> tuple[Page, list[str]]:
    """Open the document; returns it and a list that collects errors."""
    page = context.new_page()
    complaints = complaints_of(page)
    page.route("**/view.html", lambda route: route.fulfill(body=DOCUMENT, content_type="text/html"))
    script = SCRIPT.read_text(encoding="utf-8")
    page.route("**/view_modules.js", lambda route: route.fulfill(body=script, content_type="text/javascript"))
    page.goto(f"{url}view.html")
    page.evaluate("dark => document.body.classList.toggle('dark', dark)", is_dark)
    page.evaluate("async (url) => Object.assign(window, await (await import(`${url}view_modules.js`)).start(url))", url)
    return page, complaints


def write(page: Page, prompt: str = PROMPT, reply: str = REPLY) -> None:
    page.evaluate("([prompt, reply]) => source.write(prompt, reply)", [prompt, reply])


def characters(page: Page) -> list[str]:
    return page.locator(".log i").all_text_contents()


def coloured(page: Page, expected: list[str]) -> None:
    """Wait until each character in the log has its class."""
    mark = "[...each.classList].find((name) => /^([bnp][0-9]|unknown)$/.test(name)) ?? ''"
    marks = f"() => [...document.querySelectorAll('.log i')].map((each) => {mark})"
    page.wait_for_function(f"expected => JSON.stringify(({marks})()) === JSON.stringify(expected)", arg=expected)


def queries(page: Page) -> list[dict[str, Any]]:
    """Return the queries that the engine has received since the last call."""
    asked: list[dict[str, Any]] = page.evaluate("engine.queries.splice(0)")
    return asked


def in_focus(page: Page, character: str) -> None:
    expect(page.locator(".log i.focus")).to_have_text(character)
    expect(page.locator(".which .char")).to_have_text({"\n": "⏎", " ": "␣"}.get(character, character))


def keys(page: Page, *names: str) -> None:
    page.get_by_role("log", name="Conversation").focus()
    for name in names:
        page.keyboard.press(name)


def colour(char: str, at: int) -> str:
    if at == 0:
        return ""
    bits = ord(char) % 9
    return "unknown" if ord(char) > 0x3000 else f"b{sum(bits >= bound for bound in (1, 2, 3, 4, 6, 8))}"


def test_only_missing_characters_are_queried_unless_the_engine_lost_the_text(page: Page) -> None:
    choose_lens(page, "How surprised?")
    write(page)
    text = PROMPT + REPLY
    coloured(page, [colour(char, at) for at, char in enumerate(text)])
    assert [(each["from"], each["tail"]) for each in queries(page)] == [(0, {"at": 0, "text": text})]
    page.evaluate("source.grow('and more')")
    coloured(page, [colour(char, at) for at, char in enumerate(text + "and more")])
    assert {each["from"] for each in queries(page)} == {len(text)}
    page.evaluate("engine.forget(), source.grow('!', false)")
    text += "and more!"
    coloured(page, [colour(char, at) for at, char in enumerate(text)])
    asked = queries(page)
    assert [each["tail"] for each in asked] == [{"at": len(text) - 1, "text": "!"}, {"at": 0, "text": text}]
    assert len({each["trace"] for each in asked}) == 1
    page.evaluate("source.cut(1, 9), source.grow('other')")
    text = text[: len(PROMPT) + 9] + "other"
    coloured(page, [colour(char, at) for at, char in enumerate(text)])
    assert [each["tail"] for each in queries(page)] == [{"at": len(PROMPT) + 9, "text": "other"}]
    assert page.locator(".log .text").text_content() == text
    page.evaluate("source.clamps = [[12, [[0, 1, 4]]]], source.changed()")
    eventually_asked = page.wait_for_function("engine.queries.length > 0 && engine.queries[0].from")
    assert eventually_asked.json_value() == 12


def test_the_focus_follows_the_keys_and_the_pointer(page: Page) -> None:
    write(page)
    choose_lens(page, "How surprised?")
    expect(page.locator(".log i").first).to_be_attached()  # the lens is imported when it is chosen
    text = PROMPT + REPLY
    keys(page, "Home")
    in_focus(page, "R")
    expect(page.locator(".which")).to_contain_text("where the text begins")
    keys(page, "ArrowDown", "ArrowRight", "ArrowRight")
    in_focus(page, text[9])
    assert page.evaluate("lenses.focus.place") == {"turn": 1, "n": 9}
    expect(page.locator(".likely .share").first).to_have_text("63%")
    page.evaluate("source.chosen = { ...source.chosen, temperature: 0 }, source.changed()")
    expect(page.locator(".likely .share").first).to_have_text("100%")
    keys(page, "End")
    in_focus(page, "\n")
    page.locator(".log .reply i").nth(4).hover()
    in_focus(page, REPLY[4])
    page.locator(".log .reply i").locator("visible=true").nth(5).click()  # not a control character
    in_focus(page, REPLY[5])
    page.keyboard.press("Escape")  # the list of alternatives that the click has opened covers the sums
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.locator(".sums .costly button").first.click()
    expect(page.locator(".log i.focus")).not_to_have_text(REPLY[5])
    page.evaluate("source.turns = [], source.chars = [], source.changed()")
    expect(page.locator(".which")).to_contain_text("Point at a character")
    expect(page.locator(".likely li")).to_have_count(0)


def test_what_else_could_stand_there_is_shown_next_to_a_character_and_chosen_with_the_keyboard(page: Page) -> None:
    write(page)
    write(page, "More", "and more")
    choose_lens(page, "How surprised?")
    box = page.get_by_role("dialog")
    character = page.locator('[data-turn="1"] .reply i').nth(5)
    character.click()
    choices = box.get_by_role("button", name=re.compile("^Go on with"))
    expect(choices).to_have_count(5)
    expect(choices.first).to_be_focused()
    near(page, box, character)
    keys_in(page, "ArrowDown", "ArrowDown", "ArrowUp")
    expect(choices.nth(1)).to_be_focused()
    keys_in(page, "ArrowRight")
    in_focus(page, REPLY[6])
    expect(box).to_have_accessible_name(f"What else could stand instead of {REPLY[6]}")
    keys_in(page, "ArrowLeft", "Enter")
    expect(page.locator(".log article")).to_have_count(1)
    expect(page.locator(".log .reply")).to_have_text(REPLY[:5] + "Axyz1")
    in_focus(page, "A")
    expect(box).to_be_hidden()
    expect(page.get_by_role("log", name="Conversation")).to_be_focused()
    keys_in(page, "Enter", "Enter")
    in_focus(page, "B")
    assert page.evaluate("source.picks") == [[1, 6, "A"], [3, 6, "B"]]
    keys(page, "Home", "ArrowRight", "Enter")
    expect(box).to_be_visible()
    expect(choices).to_have_count(0)  # characters of a prompt cannot be replaced
    expect(box).to_contain_text("It belongs to the prompt")
    keys_in(page, "Escape")
    expect(box).to_be_hidden()
    expect(page.get_by_role("log", name="Conversation")).to_be_focused()


def keys_in(page: Page, *names: str) -> None:
    """Press keys where the focus is, each after the page has answered the one before."""
    for name in names:
        page.keyboard.press(name)
        page.evaluate("lenses.path.queue.then(() => new Promise(requestAnimationFrame))")


def near(page: Page, box: Locator, character: Locator) -> None:
    """Check that a box touches the character, or the bottom of a narrow window, and has large buttons."""
    found, at = boxes_of(box, character)
    size = page.viewport_size
    assert size
    if size["width"] < 640:
        assert found["y"] + found["height"] == size["height"]
        assert found["y"] > at["y"] + at["height"]
    else:
        assert found["x"] <= at["x"] <= found["x"] + found["width"]
        assert min(abs(found["y"] - at["y"] - at["height"]), abs(found["y"] + found["height"] - at["y"])) <= 10
    heights = [each.bounding_box()["height"] for each in box.get_by_role("button").all()]  # type: ignore[index]
    assert min(heights) >= (44 if size["width"] < 640 else 24)


def test_a_reply_that_begins_takes_the_focus_unless_it_keeps_its_character(page: Page) -> None:
    write(page)
    choose_lens(page, "How surprised?")
    page.locator(".log .reply i").nth(4).click()
    in_focus(page, REPLY[4])
    page.evaluate("source.cut(1, 5), source.grow('', true)")
    page.evaluate("source.grow('abcdefg', false)")
    in_focus(page, REPLY[4])
    page.evaluate("source.cut(2, 0), source.grow('', true)")
    expect(page.locator(".which")).to_contain_text("Point at a character")
    page.evaluate("source.grow('abcdefg', false)")
    expect(page.locator(".log i.focus")).to_have_count(0)
    page.locator(".log .reply i").nth(4).click()
    in_focus(page, "e")
    write(page, "More", "and more")
    expect(page.locator(".log i.focus")).to_have_count(0)  # a reply that was over when it was read for the first time
    page.locator(".log .reply i").nth(4).click()
    in_focus(page, "e")
    page.evaluate("source.turns.pop(), (source.chars.length -= 'Moreand more'.length), source.changed()")
    expect(page.locator(".log article")).to_have_count(1)
    page.evaluate("source.write('More', 'and more', { id: source.lastId })")
    expect(page.locator(".log article")).to_have_count(2)
    in_focus(page, "e")  # a turn that was written before, as after Redo
    page.evaluate("source.write('More', '', { writing: true })")
    expect(page.locator(".log i.focus")).to_have_count(0)


def test_a_long_text_is_drawn_in_parts_and_always_complete(page: Page) -> None:
    text = "".join(f"line {n} of a long text 🙂\n" for n in range(220))
    write(page, "x", text)
    drawn = page.evaluate(
        """async () => {
            const log = document.querySelector(".log");
            let [most, before] = [0, 0];
            const texts = new Set();
            const look = () => {
                const count = log.querySelectorAll("i").length;
                most = Math.max(most, count - before);
                before = count;
                texts.add(log.querySelector(".text").textContent);
            };
            lenses.choose("surprise");
            look();
            while (before < source.chars.length) await new Promise(requestAnimationFrame).then(look);
            return [most, [...texts]];
        }"""
    )
    assert drawn[0] <= 1000
    assert drawn[1] == ["x" + text]
    coloured(page, [colour(char, at) for at, char in enumerate("x" + text)])


def test_each_character_of_a_script_without_spaces_counts_as_a_word(page: Page) -> None:
    choose_lens(page, "How surprised?")
    page.get_by_text("Try your own text").click()
    page.get_by_role("textbox", name="Text to score").fill("to ⺄⺅、be")
    words = [re.compile(f"^{each} ") for each in ("be", "to", "⺅", "⺄")]
    expect(page.locator(".own .costly button")).to_have_text(words)


def test_only_what_is_certain_is_shown_as_100_percent(web_page: Page) -> None:
    shares = [0, 0.0004, 0.0512, 0.5, 0.9961, 0.9996, 1]
    script = "async (shares) => shares.map((await import('/lenses/chances.js')).chance)"
    texts = ["0.0%", "<\u00a00.1%", "5.1%", "50%", "99.6%", ">\u00a099.9%", "100%"]
    assert web_page.evaluate(script, shares) == texts


def test_a_tap_in_the_picture_chooses_a_named_cell_close_by_and_scrolls_to_the_character(
    browser: Browser, url: str
) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page, complaints = view(context, url)
    write(page, PROMPT, "a line\n" * 60)
    choose_lens(page, "What it remembers")
    expect(page.locator(".caption")).to_contain_text("The lines mark the cell. Tap a row to choose its cell")
    picture = page.get_by_role("img", name="The cells of the layer")
    for height, cell in ((160, "0"), (16, "2")):  # a row of 40 pixels, and one of 4 below a finger of 16
        picture.evaluate("(canvas, height) => (canvas.style.height = `${height}px`)", height)
        picture.tap(position={"x": 3, "y": 2})
        expect(page.get_by_role("spinbutton", name="Cell (from 0)")).to_have_value(cell)
    expect(page.locator(".log i.focus")).to_be_in_viewport(ratio=1)
    assert not complaints
    context.close()


def test_a_number_that_is_rounded_to_zero_has_no_minus_sign(page: Page) -> None:
    numbers = "[[-0.004, 2], [-0.4, 0], [-0, undefined], [-0.05, 1], [-10, 0]]"
    script = f"import('/document/words.js').then(({{ number }}) => {numbers}.map((each) => number(...each)))"
    assert page.evaluate(script) == ["0.00", "0", "0", "−0.1", "−10"]


def test_the_character_that_is_there_is_shown_with_its_chance_however_small_it_was(page: Page) -> None:
    found = page.evaluate("""async () => {
        const { likely } = await import("./lenses/chances.js");
        const top = [..."abcdef"].map((character, at) => [character, -at]);
        const settings = { temperature: 0.5, top_k: 0, top_p: 1, min_p: 0 };
        const rest = [-6, -7.5, -9];
        const total = [...top.map(([, logit]) => logit), ...rest].reduce((sum, logit) => sum + Math.exp(logit), 0);
        const bitsOf = (logit) => -Math.log2(Math.exp(logit) / total);
        return [likely({ top, rest }, settings, "b", bitsOf(-1)), likely({ top, rest }, settings, "f", bitsOf(-5)),
          likely({ top, rest }, settings, "z", bitsOf(-7.5)), likely({ top, rest }, settings, "z", null)];
    }""")
    weights = [math.exp(2 * logit) for logit in (0, -1, -2, -3, -4, -5, -6, -7.5, -9)]
    five = [[name, pytest.approx(weight / sum(weights))] for name, weight in zip("abcde", weights, strict=False)]
    assert found[0] == five
    assert found[1] == [*five, ["f", pytest.approx(weights[5] / sum(weights))]]
    assert found[2] == [*five, ["z", pytest.approx(weights[7] / sum(weights))]]
    assert found[3] == five


def test_a_very_small_chance_is_never_broken_between_two_lines(page: Page) -> None:
    found = page.evaluate("""async () => {
        const { chance } = await import("./lenses/chances.js");
        const { loadLanguages } = await import("./document/words.js");
        const texts = [];
        for (const tag of ["de", "zh-CN", "zh-TW", "en"]) {
            await loadLanguages("./", tag);
            texts.push(chance(0.0004));
        }
        return texts;
    }""")
    assert found == ["<\u00a00,1\u00a0%", *["<\u00a00.1%"] * 3]


@pytest.mark.parametrize(
    ("text", "places"), [("It was so good to hear", [7, 10, 15, 18]), ("春夜明月送友人白雲", [4, 5, 6, 7])]
)
def test_a_letter_of_a_greeting_is_marked_in_a_text_without_spaces_too(
    page: Page, text: str, places: list[int]
) -> None:
    found = """async (text) => {
        const { placesToMark } = await import("./page/welcome_mark.js");
        return placesToMark([...text], [...text].map(() => 2));
    }"""
    assert page.evaluate(found, text) == places
