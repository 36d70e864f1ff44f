"""The first screen of the bundled model: the text that writes itself, the changed letter, how little there is."""

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from model import TextTrace
from tests.browser.driving import (
    DISPLAYS,
    TWO_FRAMES,
    WIDE,
    Display,
    button,
    fast,
    log,
    open_page,
    reply,
    send,
    setting,
    settled,
    turns,
    window,
)
from tests.browser.looking import choose_lens, level
from tests.support.app_server import App, eventually, serving
from tests.support.both_pages import link
from ui.registry.registry import ModelRegistry

# The words and the controls that a visitor sees without scrolling; the language of the text counts as words, too.
SEEN = """() => {
  const isSeen = (node) => {
    const { top, bottom, left, right, width, height } = node.getBoundingClientRect();
    const row = (node.parentElement ?? node.startContainer.parentElement).closest("#examples")?.getBoundingClientRect();
    if (row && left > row.right - 32) return false; // it is scrolled out of the row, or fades
    return width > 1 && height > 1 && top < innerHeight && bottom > 0 && left < innerWidth && right > 0;
  };
  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const range = document.createRange();
    range.selectNodeContents(node);
    if (node.parentElement.checkVisibility({ visibilityProperty: true }) && isSeen(range)
      && !node.parentElement.closest(".for-readers, script, style")) texts.push(node.data);
    if (node.parentElement.matches(".line, p, button, a, h1, span:not(.line)")) texts.push("");
  }
  const chosen = [...document.querySelectorAll("select")].filter(isSeen).map((each) => each.selectedOptions[0].text);
  const placeholder = document.querySelector("#prompt").placeholder;
  const controls = [...document.querySelectorAll("a, button, input, select, textarea, summary")];
  return {
    text: [texts.join("\\u0000"), ...chosen, placeholder].join(" "),
    controls: controls.filter((each) => each.checkVisibility({ visibilityProperty: true }) && isSeen(each)).length,
  };
}"""


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    registry = ModelRegistry()
    registry.start()
    assert registry.settled.wait(60)
    with serving(registry) as app:
        yield app


def greeting(app: App) -> str:
    first = app.registry.first()
    assert first
    return first.welcome_text


def arrive_at(selector: str, app: App, context: BrowserContext) -> Page:
    """Return a page with motion whose clock stands still since an element has been there."""
    page = context.new_page()
    page.emulate_media(reduced_motion="no-preference")
    page.clock.install(time=0)
    page.clock.pause_at(1000)
    page.goto(app.url)

    def is_there() -> bool:
        page.clock.run_for(50)
        return page.locator(selector).count() > 0

    eventually(is_there)
    return page


def test_the_line_under_the_title_names_the_text_that_the_model_has_read(page: Page, app: App) -> None:
    line = "This neural network has read only Shakespeare."
    assert f"<p>{line}</p>" in httpx.get(app.url, headers={"accept-language": "en"}).text, "the first paint"
    german = httpx.get(app.url, headers={"accept-language": "de-AT"}).text
    assert "Dieses neuronale Netz hat nur einen Text gelesen: Shakespeare." in german
    expect(page.locator("#intro p")).to_contain_text(line)


def test_one_letter_is_changed_and_both_endings_are_side_by_side(app: App, new_context: BrowserContext) -> None:
    page = arrive_at(".alternatives .chosen", app, new_context)  # the chances open by themselves
    assert page.locator(".alternatives :focus").count() == 0
    chosen = page.locator(".alternatives .chosen .char").text_content()
    page.clock.resume()
    expect(page.locator(".welcome .other i.changed")).to_have_text(chosen or "")
    text, other = page.locator(".welcome .text:not(.other) .reply"), page.locator(".welcome .other .reply")
    same = page.locator(".welcome .text:not(.other) i.same").count()
    expect(page.locator(".welcome .other i.same")).to_have_count(same)
    shown, changed = text.text_content() or "", other.text_content() or ""
    assert greeting(app).startswith(shown)
    assert shown[:same] == changed[:same]
    assert changed[same] == chosen != shown[same]
    expect(page.get_by_role("group", name="The same text with one letter changed")).to_be_visible()
    first = app.registry.first()
    assert first
    trace = TextTrace(first.lm)
    trace.set_text(shown)
    colours = [level(each.bits) for each in trace.tokens()]
    classes = "(all) => all.map((each) => (/b[0-9]/.exec(each.className) || [''])[0])"
    eventually(lambda: page.locator(".welcome .text:not(.other) i").evaluate_all(classes) == colours)
    expect(log(page)).to_have_attribute("aria-busy", "false")
    choose_lens(page, "What it remembers")  # it shows the whole first text
    choose_lens(page, "Text")
    expect(text).to_have_text(shown, use_inner_text=False)
    at = next(n for n, char in enumerate(changed) if n > same and char.isalpha())
    page.locator(".welcome .other i").nth(at).click()  # its ending becomes the conversation
    expect(page.get_by_role("dialog", name=f"instead of {changed[at]}")).to_be_visible()
    expect(page.get_by_role("group", name="Now").locator(".reply")).to_contain_text(changed)
    expect(page.get_by_role("group", name="The version before").locator(".reply")).to_contain_text(shown)


# The colours of the middles of the squares in the picture of the memory: violet below 0, green above.
SQUARES = """(canvas) => {
  const { width, height } = canvas;
  const [pen, margin, rows] = [new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true }), 4, 8];
  pen.drawImage(canvas, 0, 0);
  const size = (height - 2 * margin) / rows;
  return [...Array(1024).keys()].map((n) => {
    const [column, row] = [n % 128, Math.floor(n / 128)].map((each) => margin + (each + 0.5) * size);
    const [red, green] = pen.getImageData(column, row, 1, 1).data;
    return green - red;
  });
}"""


def test_a_picture_shows_all_numbers_that_the_model_remembers_after_a_letter(page: Page, app: App) -> None:
    picture = page.locator(".welcome .numbers")
    expect(picture).to_contain_text("Its memory: 1,024 numbers.")
    first = app.registry.first()
    assert first
    trace = TextTrace(first.lm)
    trace.set_text(greeting(app))
    tokens = list(trace.tokens())
    log(page).focus()
    for key, at in (("Home", 0), ("ArrowRight", 1), ("ArrowRight", 2)):
        page.keyboard.press(key)
        cells = tokens[at].cells.flatten().tolist()
        clear = [n for n, cell in enumerate(cells) if abs(cell) > 0.3]
        assert len(clear) > 100

        def has_signs(cells: list[float] = cells, clear: list[int] = clear) -> bool:
            colours = picture.locator("canvas").evaluate(SQUARES)
            return all((colours[n] > 0) == (cells[n] > 0) for n in clear)

        eventually(has_signs)
    fast(page, 20)
    send(page, "a line")
    expect(picture).to_have_count(0)
    button(page, "New conversation").click()
    picture.locator("canvas").click()
    expect(page.locator(".panel").get_by_role("heading", name="What it remembers")).to_be_visible()
    expect(picture.locator("canvas")).to_have_count(0)
    choose_lens(page, "Text")


def test_a_touch_ends_the_arrival(app: App, new_context: BrowserContext) -> None:
    page = arrive_at(".alternatives .there", app, new_context)
    page.keyboard.press("Tab")
    page.clock.run_for(100)
    expect(page.locator(".alternatives .there")).to_be_visible()
    page.keyboard.press("a")
    page.clock.run_for(5000)  # the chosen letter and its ending would follow within it
    expect(page.locator(".alternatives")).to_be_hidden()
    assert page.locator(".welcome .other").count() == 0


# Counts the letters of a reply that lose their colour.
COUNT_CLEARED = """
  window.cleared = 0;
  const isColoured = (name) => /\\bb[0-9]/.test(name);
  const changed = (changes) => changes.forEach(({ oldValue, target }) => {
    if (isColoured(oldValue) && !isColoured(target.className)) window.cleared += 1;
  });
  const options = { attributeFilter: ["class"], attributeOldValue: true, subtree: true };
  new MutationObserver(changed).observe(document, options);
"""
IS_LOADED = "performance.getEntriesByType('resource').some(({ name }) => name.endsWith('/memory.js'))"


def test_the_letters_keep_their_colours_while_the_panels_are_loaded(app: App, new_context: BrowserContext) -> None:
    new_context.add_init_script(COUNT_CLEARED)
    page, complaints = open_page(new_context, app)
    eventually(lambda: page.evaluate(IS_LOADED))
    page.evaluate(TWO_FRAMES)
    assert page.locator(".welcome i[class*=b]").count() > 0
    assert (page.evaluate("cleared"), complaints) == (0, [])


def test_a_visitor_who_comes_back_to_a_draft_sees_both_endings_at_once_in_their_colours(page: Page) -> None:
    page.locator("#prompt").fill("My mother said ")
    page.emulate_media(reduced_motion="no-preference")
    page.reload()
    other = page.locator(".welcome .other")
    expect(other.locator("i:is(.b1, .b2, .b3, .b4, .b5)").first).to_be_visible()
    expect(other.locator(".unwritten")).to_have_count(0)


@pytest.mark.parametrize("display", DISPLAYS, ids=["wide", "narrow"])
def test_the_first_screen_has_little_to_read_and_to_press(app: App, browser: Browser, display: Display) -> None:
    is_phone = display != WIDE
    context = browser.new_context(locale="en-US", has_touch=is_phone, is_mobile=is_phone, **window(display))
    page, _ = open_page(context, app)
    expect(page.locator(".welcome .hint:not(.waiting)")).to_be_visible()
    expect(page.locator(".welcome .other .reply:not(:has(.unwritten))")).to_be_visible()  # both are written
    page.evaluate("document.activeElement.blur()")
    seen = page.evaluate(SEEN)
    words = len(re.sub("\u0000", "", re.sub("\u0000\u0000", " ", seen["text"])).split())
    most_words, most_controls = (50, 8) if is_phone else (80, 12)
    assert words <= most_words, seen["text"]
    assert seen["controls"] <= most_controls
    context.close()


def test_a_touch_of_the_chances_opens_those_that_can_be_chosen(app: App, new_context: BrowserContext) -> None:
    page = arrive_at(".alternatives .there", app, new_context)
    page.clock.resume()
    page.locator(".alternatives .there").click()
    expect(page.get_by_role("dialog").get_by_role("button", name=re.compile("^Go on with")).first).to_be_visible()
    assert turns(page).count() == 0


def test_a_letter_can_be_changed_with_the_keyboard_and_the_old_ending_stays_beside_it(page: Page, app: App) -> None:
    fast(page)
    text = greeting(app)
    log(page).focus()
    page.keyboard.press("Home")
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    choice = page.get_by_role("dialog").get_by_role("button", name=re.compile("^Go on with")).first
    expect(choice).to_be_focused()
    char = choice.locator(".char").text_content() or ""
    page.keyboard.press("Enter")
    settled(page)
    changed = turns(page).last.locator(".text:not(.other) .reply").text_content() or ""
    assert changed[:7] == text[:6] + char
    assert 500 <= len(changed) <= 510
    expect(turns(page).last.locator(".other .reply")).to_have_text(text, use_inner_text=False)
    expect(turns(page).last.locator("i.changed")).to_have_text([char, text[6]])
    title = f"Now: “{char}” instead of “{text[6]}”"
    expect(page.get_by_role("group", name="Now")).to_have_attribute("data-title", title)
    page.reload()
    expect(page.get_by_role("group", name="Now")).to_have_attribute("data-title", title)
    button(page, "Keep the new one").click()
    expect(turns(page).last.locator(".other")).to_have_count(0)
    expect(page.locator(".branches .count")).to_have_text("2/2")
    button(page, "Share").click()
    page.goto(page.get_by_role("textbox", name="Link to this text").input_value())
    expect(log(page)).to_contain_text("The same text, character for character")
    assert reply(page) == changed


def test_below_the_picture_the_marked_number_can_be_held_at_once(page: Page, app: App) -> None:
    page.locator(".welcome .numbers").get_by_role("button", name="Make its lines short").click()
    expect(page.get_by_role("region", name="Make its lines short")).to_contain_text("Cell held high")
    button(page, "Back to the conversation").click()
    expect(page.locator(".welcome .reply").first).to_be_visible()


def test_every_lens_shows_the_greeting(page: Page, app: App) -> None:
    text = greeting(app)
    button(page, "One of them measures the line's length").click()
    expect(page.locator(".welcome .reply").first).to_have_text(text, use_inner_text=False)
    expect(page.locator(".which .char")).to_have_count(1)  # its panel has something to show at once
    eventually(lambda: page.locator(".welcome i[class*=p], .welcome i[class*=n]").count() > len(text) / 2)
    choose_lens(page, "One letter at a time")
    log(page).focus()
    page.keyboard.press("Home")
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    stages = page.get_by_role("list", name="How the letter came to be")
    first = app.registry.first()
    assert first
    expect(stages).to_contain_text(f"Random number 4 of seed {first.welcome_seed}.")
    expect(stages.locator("> li")).to_have_count(3)


def test_a_held_cell_is_compared_from_the_first_change_on_and_its_effect_is_measured(page: Page) -> None:
    fast(page, 400)
    setting(page, "Seed", 5)
    send(page, "ROMEO:\nWhat light through yonder window breaks?\nIt is the east, and Juliet is the sun.\n" * 4)
    choose_lens(page, "What it remembers")
    page.get_by_role("group", name="Hold this cell at one value and see the text change").get_by_text(
        "High", exact=True
    ).click()
    settled(page)
    effect = r"Its lines now have \d+ characters on average; before, they had \d+\."
    expect(page.locator(".panel .which")).to_have_text(re.compile(effect))
    changed = page.locator("i.changed")
    expect(changed).to_have_count(2)
    from_top = """(each) =>
      each.getBoundingClientRect().top - each.closest(".text").getBoundingClientRect().top"""
    for each in changed.all():
        assert 0 < each.evaluate(from_top) < 80  # below the title of the text and the line before


def test_the_box_of_a_letter_stays_open_after_a_reload(page: Page) -> None:
    fast(page, 20)
    send(page, "ROMEO:")
    page.reload()
    turns(page).last.locator(".reply i").nth(9).click()
    page.get_by_text("Why this letter?").click()
    expect(page.locator(".why .left-out")).to_be_visible()  # once the engine has answered


def test_a_letter_that_a_person_chose_has_a_mark_and_its_own_colour_also_through_a_link(page: Page, app: App) -> None:
    fast(page, 60)
    setting(page, "Seed", 1)
    send(page, "ROMEO:")
    letters = turns(page).last.locator(".reply i")
    expected = re.compile("b0$")
    at = next(at for at in range(10, 60) if expected.search(letters.nth(at).get_attribute("class") or ""))
    letters.nth(at).click()
    page.get_by_role("button", name="instead").last.click()
    settled(page)
    button(page, "Keep the new one").click()
    page.goto(f"{app.url}?speed=20&{link(page)}")
    expect(turns(page).last.locator(".mark")).to_contain_text("The same text")
    expect(letters.nth(at)).to_have_class(re.compile("^picked b[1-5]$"))
    notice = turns(page).last.locator(".notice")
    expect(notice).to_contain_text("the marked letters are by the person who shared this link")
    letters.nth(at - 1).click()
    page.get_by_role("button", name="instead").last.click()
    settled(page)
    button(page, "Look inside").click()
    page.keyboard.press("Escape")  # closes the menu alone
    expect(turns(page).last.locator(".other")).to_have_count(1)
    page.keyboard.press("Escape")  # keeps the new one
    expect(turns(page).last.locator(".other")).to_have_count(0)
    expect(notice).to_have_count(0)  # this mark is the visitor's


def test_a_click_beside_the_letters_of_the_old_version_is_about_that_version(page: Page) -> None:
    fast(page, 80)
    page.locator(".welcome .reply i").nth(4).click()
    page.get_by_role("dialog").get_by_role("button", name=re.compile("^Go on with")).first.click()
    settled(page)
    before = page.get_by_role("group", name="The version before")
    line = before.locator(".reply .line").nth(2)
    x, y = (
        line.locator("i")
        .nth(1)
        .evaluate(
            "(each) => { const { right, bottom } = each.getBoundingClientRect(); return [right - 3, bottom + 1]; }"
        )
    )
    assert page.evaluate("([x, y]) => document.elementFromPoint(x, y).matches('.line, .text, .reply')", [x, y])
    page.mouse.click(x, y)
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(before.locator("i.focus")).to_have_text(line.locator("i").nth(1).text_content() or "")
    page.go_back()  # closes the alternatives, then the comparison
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(before).to_be_visible()
    page.go_back()
    expect(page.locator(".compared")).to_have_count(0)
    expect(page.locator(".branches .count")).to_have_text("1/2")
