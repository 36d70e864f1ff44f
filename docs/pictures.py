"""The pictures of the README and of docs: ``python -m docs.pictures [VIEW …]`` makes them anew, all or some.

The real app in a real Chromium: wide in the light theme, narrow in the dark one. The bundled model writes in them.
Needs requirements-dev.txt, and Pillow, which comes with Gradio.
"""

from __future__ import annotations

import argparse
import io
import re
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from docs.figures import line_counters
from model import PRETRAINED, CharLSTM
from tests.browser.driving import NARROW, Display, button, fast, footer, open_page, send, setting, settled, window
from tests.browser.looking import choose_cell, choose_lens
from tests.support.app_server import App, serving
from tests.support.chromium import launch
from ui.registry.registry import ModelRegistry

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "pictures"
LOOKS: dict[str, Display] = {"wide": (1280, 720, "light"), "narrow": NARROW}
COLOURS = 128  # of a picture: text and a few scales need no more
PROMPT = "MACHINE:\nI read one letter, "


def first(page: Page) -> None:
    expect(page.locator(".welcome .hint")).to_contain_text("Change any letter and watch.")
    page.wait_for_timeout(3000)  # the other ending is written


def changed(page: Page) -> None:
    write(page, 207, 117)
    page.locator(".log .reply i").nth(16).click()
    page.get_by_role("dialog").get_by_role("button", name=re.compile("^Go on with")).first.click()
    settled(page)


def memory(page: Page) -> None:
    write(page, 207, 117)
    choose_lens(page, "What it remembers")
    cell, value = line_counters(CharLSTM.from_pretrained(PRETRAINED))[0]
    choose_cell(page, cell.layer, cell.index)
    page.get_by_text("Other cells, gates and numbers").click()
    page.get_by_text("High" if value > 0 else "Low", exact=True).click()
    settled(page)
    page.locator(".panel").evaluate("(panel) => (panel.scrollTop = 0)")


def step(page: Page) -> None:
    write(page, 60, 8)
    choose_lens(page, "One letter at a time")
    button(page, "One letter").click()
    expect(footer(page)).to_contain_text("61 characters")
    page.get_by_text("Inside the network").click()
    page.get_by_text("Layer 1: inside the cell").evaluate("(heading) => heading.scrollIntoView()")


VIEWS: list[Callable[[Page], None]] = [first, changed, memory, step]


def write(page: Page, length: int, seed: int) -> None:
    """Writes a reply, and closes the settings again."""
    fast(page, length)
    setting(page, "Seed", seed)
    button(page, "Settings").click()
    send(page, PROMPT)


def take(browser: Browser, app: App, view: Callable[[Page], None]) -> None:
    for look, display in LOOKS.items():
        context = browser.new_context(**window(display), reduced_motion=None if view is first else "reduce")
        page, complaints = open_page(context, app)
        view(page)
        page.mouse.move(0, 0)
        page.evaluate("scrollTo(0, 0); document.querySelector('.log').scrollTop = 0")
        page.wait_for_timeout(2000)  # the colours arrive
        save(page.screenshot(), f"{view.__name__}-{look}")
        context.close()
        if complaints:
            raise SystemExit(f"{view.__name__}: {complaints}")


def save(png: bytes, name: str) -> None:
    picture = Image.open(io.BytesIO(png)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    path = FOLDER / f"{name}.webp"
    picture.convert("RGB").save(path, lossless=True, quality=100, method=6)
    print(f"{path.relative_to(ROOT)}: {picture.width} × {picture.height}, {path.stat().st_size / 1000:.0f} kB")


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m docs.pictures", description=__doc__)
    parser.add_argument("views", nargs="*", metavar="VIEW", help="all of them if none is named")
    asked = parser.parse_args(argv).views
    registry = ModelRegistry()
    registry.start()
    registry.settled.wait(60)
    with sync_playwright() as playwright, serving(registry) as app:
        browser = launch(playwright)
        for view in VIEWS:
            if not asked or view.__name__ in asked:
                take(browser, app, view)
        browser.close()


if __name__ == "__main__":
    main()
