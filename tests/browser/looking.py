"""The lenses in a browser: how one is chosen, and what it shows of each character."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

BOUNDS = (1, 2, 3, 4, 6, 8)
# The character that is marked in a text without a lens.
MARKED = "CSS.highlights.has('shown-character') ? [...CSS.highlights.get('shown-character')].join('') : null"
NAMES = {"\n": "line end", " ": "space", "\t": "tab"}  # of characters that show nothing


def choose_lens(page: Page, lens: str) -> None:
    """Choose a lens by its label; the radio button itself is hidden."""
    lenses = page.get_by_role("group", name="Lens over the text")
    lenses.get_by_text(lens, exact=True).click()
    page.mouse.move(0, 0)  # the text moves under the pointer, which would focus a character
    radio = lenses.get_by_role("radio", name=lens, exact=True)
    expect(radio).to_be_checked()
    if (name := radio.get_attribute("value")) != "plain":
        expect(page.locator(f".panel.{name}").first).to_be_visible()  # its module was imported; the text stands still


def choose_cell(page: Page, layer: int, cell: int) -> None:
    """Choose a cell of the lens "What it remembers" by its numbers."""
    page.get_by_role("spinbutton", name="Layer").fill(str(layer))
    page.get_by_role("spinbutton", name="Cell (from 0)").fill(str(cell))
    page.keyboard.press("Tab")


def marks(turn: Locator) -> list[str]:
    """Return the class of each character, without that of a line end and of the character in focus."""
    return turn.locator(".text i").evaluate_all(
        "(all) => all.map((each) => each.className.replace(/\\b(end|focus)\\b/g, '').trim())"
    )


def level(bits: float) -> str:
    return f"b{sum(bits >= bound for bound in BOUNDS)}"


def probabilities(page: Page) -> list[tuple[str, str]]:
    rows = page.get_by_role("list", name="The likeliest characters").get_by_role("listitem")
    return [
        (row.locator(".char").text_content() or "", row.locator(".share").text_content() or "") for row in rows.all()
    ]


def shown(share: float) -> str:
    if 0 < share < 0.001:
        return "<\u00a00.1%"
    return f"{100 * share:.{1 if share < 0.0995 else 0}f}%"
