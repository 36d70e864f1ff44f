"""The lenses in a browser: how one is chosen, and what it shows of each character."""

from playwright.sync_api import Locator, Page, expect

BOUNDS = (3, 4, 5, 6, 8)
NAMES = {"\n": "line end", " ": "space", "\t": "tab"}  # of characters that show nothing


def quoted(char: str) -> str:
    """Return a character as a sentence of the page has it."""
    return f"a {NAMES[char]}" if char in NAMES else f"“{char}”"


def choose_lens(page: Page, lens: str) -> None:
    page.locator("#look-inside").click()
    page.get_by_role("radio", name=lens, exact=True).click()
    page.mouse.move(0, 0)  # the text moves under the pointer, which would focus a character
    panels = page.locator(".panel:visible")
    if lens == "Text":
        expect(panels).to_have_count(0)
    else:
        expect(panels.get_by_role("heading", name=lens)).to_be_visible()  # its module was imported


def turn_colours_off(page: Page) -> None:
    page.locator("#look-inside").click()
    page.get_by_role("checkbox", name="Colour each letter by how unlikely it was").uncheck()


def is_covered(page: Page) -> bool:
    """Return whether the alternatives cover the character in focus."""
    box, letter = (page.locator(each).bounding_box() for each in (".alternatives", ".log i.focus"))
    assert box
    assert letter
    is_below_or_above = box["y"] >= letter["y"] + letter["height"] or box["y"] + box["height"] <= letter["y"]
    is_beside = box["x"] >= letter["x"] + letter["width"] or box["x"] + box["width"] <= letter["x"]
    return not (is_below_or_above or is_beside)


def choose_cell(page: Page, layer: int, cell: int) -> None:
    """Choose a cell of the lens "What it remembers" by its numbers from 0, which the page shows from 1."""
    page.evaluate("document.querySelectorAll('.other-cells').forEach((each) => (each.open = true))")
    page.get_by_role("spinbutton", name="Layer").fill(str(layer + 1))
    page.get_by_role("spinbutton", name="Cell", exact=True).fill(str(cell + 1))
    page.keyboard.press("Tab")


def marks(turn: Locator) -> list[str]:
    """Return the class of each character, without that of a line end and of the character in focus."""
    return turn.locator(".text i").evaluate_all(
        "(all) => all.map((each) => each.className.replace(/\\b(end|focus)\\b/g, '').trim())"
    )


def level(bits: float) -> str:
    return f"b{sum(bits >= bound for bound in BOUNDS)}"


def shown(share: float) -> str:
    if 0 < share < 0.001:
        return "<\u00a00.1%"
    return f"{100 * share:.{1 if share < 0.0995 else 0}f}%"
