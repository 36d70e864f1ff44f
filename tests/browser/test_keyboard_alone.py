"""Both pages by keyboard alone: every control is reached, its focus is visible, and nothing traps it."""

from playwright.sync_api import Page, expect

from tests.browser.driving import button, log, reply, settled, turns
from tests.support.both_pages import Site, begin

# Numbers the controls of the page that Tab must reach: of radio buttons the checked one.
CONTROLS = """() => {
  const all = [...document.querySelectorAll(".char-lstm :is(a, button, input, select, textarea, summary, [tabindex])")];
  window.controls = all.filter((each) => each.checkVisibility() && !each.disabled && each.tabIndex >= 0)
    .filter((each) => each.type !== "radio" || each.checked);
  window.seen = new Set();
  window.unmarked = new Set();
  return controls.length;
}"""
# Notes at each focus whether it can be seen.
LOOK = """() => {
  const each = document.activeElement;
  if (!controls.includes(each)) return;
  const shown = each.matches(".hold input") ? each.nextElementSibling : each;
  const { outlineStyle, outlineWidth } = getComputedStyle(shown);
  if (outlineStyle === "none" || parseFloat(outlineWidth) < 1) unmarked.add(each.outerHTML.slice(0, 200));
  seen.add(each);
}"""
LEFT = "() => controls.filter((each) => !seen.has(each)).map((each) => each.outerHTML.slice(0, 200))"


def tab_through(page: Page, state: str) -> None:
    """Press Tab until each control had the focus; Gradio's own controls and the browser's lie between two rounds."""
    count = page.evaluate(CONTROLS)
    page.evaluate(f"document.addEventListener('focusin', {LOOK})")
    for _ in range(2):
        for _ in range(count + 10):
            page.keyboard.press("Tab")
        if page.evaluate("seen.size") == count:
            break
    assert page.evaluate(LEFT) == [], state
    assert page.evaluate("[...unmarked]") == [], state


def go_to(page: Page, selector: str) -> None:
    """Give an element the focus, as Tab does: see `tab_through`."""
    page.locator(selector).first.focus()


def press(page: Page, *selectors: str) -> None:
    for selector in selectors:
        go_to(page, selector)
        page.keyboard.press("Enter")


def test_every_control_is_reached_and_its_focus_is_visible(both: Site) -> None:
    page = both.open()
    press(page, "#open-settings", "#more-settings summary", "#look-inside")
    tab_through(page, "greeting, settings, menu")
    page.keyboard.press("Escape")
    go_to(page, "[data-setting='length'] input[type='number']")
    page.keyboard.press("Control+a")
    page.keyboard.type("30")
    go_to(page, "#prompt")
    page.keyboard.type("ROMEO:")
    page.keyboard.press("Enter")
    settled(page)
    press(page, "[data-move='retry']")
    expect(page.get_by_role("group", name="Version 2 of 2")).to_be_visible()
    settled(page)
    expect(button(page, "Try again")).to_be_focused()
    press(page, "#look-inside")
    go_to(page, ".lenses input:checked")
    for key, name in (("Down", "What it remembers"), ("Down", "One letter at a time"), ("Up", "What it remembers")):
        page.keyboard.press(f"Arrow{key}")
        page.keyboard.press("Space")
        expect(page.locator(".panel").get_by_role("heading", name=name)).to_be_visible()
    page.keyboard.press("Escape")
    go_to(page, ".panel .hold input")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".held-cells li")).to_have_count(1)
    settled(page)
    press(page, "[data-move='keep_new']", ".moves summary", ".other-cells summary", "[data-move='share']")
    expect(page.locator("#share-link")).to_be_visible()
    tab_through(page, "conversation, a held cell, a link")
    press(page, ".held-cells button")
    expect(page.locator(".held-cells")).to_be_hidden()
    expect(page.locator("#prompt")).to_be_focused()


def change_a_character(page: Page) -> None:
    """Choose another character, write on with it, and keep the old text, all with keys."""
    before = reply(page)
    press(page, ".log")
    expect(page.get_by_role("dialog")).to_be_visible()
    press(page, ".alternatives .choice:not([aria-current])")
    settled(page)
    expect(turns(page).last.locator(".reply").first).not_to_have_text(before, use_inner_text=False)
    expect(log(page)).to_be_focused()
    press(page, "[data-move='keep_old']")
    expect(turns(page).last.locator(".reply").first).to_have_text(before, use_inner_text=False)
    expect(button(page, "Try again")).to_be_focused()


def test_each_move_is_made_by_keys_and_gives_the_focus_back(both: Site) -> None:
    page = both.open()
    press(page, "#open-settings")
    go_to(page, "[data-setting='speed'] input[type='range']")
    page.keyboard.press("Home")  # slow, so that the reply still runs when it is stopped
    go_to(page, "#prompt")
    page.keyboard.type("ROMEO:")
    page.keyboard.press("Enter")
    expect(turns(page).last.locator(".reply")).not_to_be_empty()
    page.keyboard.press("Escape")
    settled(page)
    expect(page.locator("#prompt")).to_be_focused()
    go_to(page, "[data-setting='speed'] input[type='range']")
    page.keyboard.press("End")
    go_to(page, "[data-setting='length'] input[type='number']")
    page.keyboard.press("Control+a")
    page.keyboard.type("20")
    stopped = reply(page)
    go_to(page, "[data-move='send']")
    page.keyboard.press("Space")
    expect(turns(page).last.locator(".reply")).not_to_have_text(stopped, use_inner_text=False)
    settled(page)
    expect(button(page, "Continue")).to_be_focused()
    before = reply(page)
    change_a_character(page)
    for opener, shown in (("[data-demonstration='bolder']", "#stage"), (".tour", "#tour")):
        press(page, "#look-inside", f"#inside {opener}")
        expect(page.locator(shown)).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator(shown)).to_be_hidden()
        expect(button(page, "Look inside")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(button(page, "Take the tour")).to_be_focused()
    page.keyboard.press("Escape")
    press(page, "#new-conversation")
    expect(turns(page)).to_have_count(0)
    expect(page.locator("#history summary")).to_be_visible()  # once the conversation is saved
    press(page, "#history summary", "#history .open")
    expect(turns(page)).to_have_count(1)
    assert reply(page) == before


def test_a_move_that_is_no_longer_possible_leaves_the_focus_at_one_that_is(both: Site) -> None:
    page = begin(both.open(), length=20)
    prompt = page.locator("#prompt")
    expect(page.locator("#examples button").first).to_be_enabled()
    page.locator("#examples button").first.press("Enter")
    settled(page)
    expect(prompt).to_be_focused()
    press(page, ".moves summary")
    anew = ("New conversation", 0, page.locator("#prompt"))
    for move, left, focused in (
        ("Take back the last text", 0, button(page, "Bring the text back")),
        ("Bring the text back", 1, button(page, "Try again")),
        anew,
    ):
        button(page, move).press("Enter")
        expect(turns(page)).to_have_count(left)
        expect(focused).to_be_focused()
    begin(page, speed=5, length=500)
    prompt.fill("ROMEO:")
    prompt.press("Enter")
    button(page, "Stop").press("Enter")
    settled(page)
    expect(button(page, "Continue")).to_be_focused()
    button(page, "Try again").press("Enter")
    expect(button(page, "Stop")).to_be_focused()
    page.keyboard.press("Enter")
    settled(page)
    expect(button(page, "Try again")).to_be_focused()


def test_enter_while_a_reply_is_written_ends_it_and_sends_what_is_typed(both: Site) -> None:
    page = begin(both.open(), speed=5, length=400)
    prompt, reply = page.locator("#prompt"), turns(page).last.locator(".reply")
    prompt.fill("ROMEO:")
    prompt.press("Enter")
    prompt.press("Enter")
    expect(reply).not_to_be_empty()
    expect(button(page, "Stop")).to_be_visible()
    prompt.fill("JULIET:")
    prompt.press("Enter")
    expect(turns(page)).to_have_count(2)
    expect(turns(page).first.locator(".reply")).not_to_be_empty()
    expect(prompt).to_have_value("")
    page.keyboard.press("Escape")
    settled(page)
