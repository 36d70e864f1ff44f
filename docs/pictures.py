"""The pictures of the README and of docs: ``python -m docs.pictures [VIEW …]`` makes them anew, all or some.

The real app in a real Chromium, wide and narrow, light and dark. The bundled model writes in them.
Needs requirements-dev.txt, and Pillow, which comes with Gradio.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from docs.figures import line_counters
from model import PRETRAINED, CharLSTM
from tests.browser.driving import button, fast, log, open_page, send, setting, settled, turns
from tests.support.app_server import App, eventually
from tests.support.chromium import launch
from tests.support.ports import free_port
from ui.registry.registry import ModelRegistry

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "pictures"
LOOKS = {"wide": (1280, 860), "narrow": (390, 844)}
MARGIN = 12
COLOURS = 128  # of a picture: text and a few scales need no more
PROMPT = "MACHINE:\nI read one letter, "


def chat(page: Page) -> None:
    page.get_by_role("button", name=re.compile("(Click|Tap) a letter")).click()
    expect(page.get_by_role("dialog").get_by_role("button", name=re.compile("^Go on with")).first).to_be_visible()
    page.mouse.move(0, 0)


def surprise(page: Page) -> None:
    put_on(page, "How surprised?")
    write(page, PROMPT, 207, 117)
    expect(page.locator(".sums .sum")).to_contain_text(f"in {len(PROMPT) + 207 - 1} characters")
    along(page, 47)
    expect(page.get_by_role("list", name="The likeliest characters").get_by_role("listitem")).to_have_count(5)


def memory(page: Page) -> None:
    put_on(page, "What it remembers")
    write(page, PROMPT, 207, 117)
    pick_line_counter(page)
    expect(page.locator(".caption")).to_contain_text(f"to {len(PROMPT) + 207}.")
    along(page, 47)
    expect(page.get_by_role("list", name="Gates of the cell").get_by_role("listitem")).to_have_count(4)


def hand(page: Page) -> None:
    put_on(page, "What it remembers")
    write(page, PROMPT, 207, 117)
    value = pick_line_counter(page)
    way = "High" if value > 0 else "Low"
    page.get_by_role("group", name="Hold this cell while it writes").get_by_text(way, exact=True).click()
    button(page, "Rewrite").click()
    expect(page.get_by_role("region", name="Held and free")).to_be_visible()
    expect(turns(page).last.locator(".footer")).to_contain_text(f"held {way.lower()}")
    settled(page)


def step(page: Page) -> None:
    put_on(page, "One letter at a time")
    write(page, PROMPT, 60, 8)
    for length in (61, 62, 63):
        button(page, "One letter").click()
        expect(turns(page).last.locator(".footer")).to_contain_text(f"{length} characters")
    page.get_by_text("Inside the network").click()
    expect(page.get_by_role("list", name="How the character came to be")).to_be_visible()


VIEWS: list[Callable[[Page], None]] = [chat, surprise, memory, hand, step]


def write(page: Page, prompt: str, length: int, seed: int) -> None:
    fast(page)
    setting(page, "Length", length)
    setting(page, "Seed", seed)
    send(page, prompt)


def put_on(page: Page, lens: str) -> None:
    page.get_by_role("group", name="Lens over the text", exact=True).get_by_text(lens, exact=True).click()
    page.mouse.move(0, 0)


def pick_line_counter(page: Page) -> float:
    """Chooses the cell of the bundled model that counts the line; returns the value that makes lines short."""
    cell, value = line_counters(CharLSTM.from_pretrained(PRETRAINED))[0]
    page.get_by_role("spinbutton", name="Layer").fill(str(cell.layer))
    page.get_by_role("spinbutton", name="Cell (from 0)").fill(str(cell.index))
    page.keyboard.press("Tab")
    return value


def along(page: Page, count: int) -> None:
    """Puts the focus on a character."""
    log(page).focus()
    page.keyboard.press("Home")
    for _ in range(count):
        page.keyboard.press("ArrowRight")
    focus = turns(page).last.locator("i.focus").text_content() or ""
    expect(page.locator(".which .char")).to_have_text(focus)  # what is told is of this one


def take(browser: Browser, app: App, view: Callable[[Page], None]) -> None:
    for look, (width, height) in LOOKS.items():
        for scheme in ("light", "dark"):
            viewport = {"width": width, "height": height}
            context = browser.new_context(viewport=viewport, color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
            page, complaints = open_page(context, app)
            view(page)
            page.wait_for_timeout(300)  # colours fade in
            name = f"{view.__name__.replace('_', '-')}-{look}-{scheme}"
            save(shoot(page, view), name)
            context.close()
            if complaints:
                raise SystemExit(f"{view.__name__}: {complaints}")


def shoot(page: Page, view: Callable[[Page], None]) -> bytes:
    """What a view is about: of the chat the page, as much as is seen at once; else a part, with some room around it."""
    # `open_page` has opened the rarer settings; actions and prompt would stick to the middle of a tall picture.
    page.evaluate("document.querySelector('#more-settings').open = false")
    for part in (".shared", "#ask"):
        page.locator(part).evaluate("(each) => each.style.setProperty('position', 'static', 'important')")
    page.evaluate("scrollTo(0, 0)")
    if view is chat:
        return page.screenshot()
    box = page.locator(".pane").bounding_box()
    if box is None:
        raise SystemExit(f"{view.__name__}: nothing is seen of it")
    clip: Any = {"x": box["x"] - MARGIN, "y": box["y"] - MARGIN}
    clip |= {"width": box["width"] + 2 * MARGIN, "height": box["height"] + 2 * MARGIN}
    return page.screenshot(full_page=True, clip=clip)


def save(png: bytes, name: str) -> None:
    picture = Image.open(io.BytesIO(png)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    path = FOLDER / f"{name}.webp"
    picture.convert("RGB").save(path, lossless=True, quality=100, method=6)
    print(f"{path.relative_to(ROOT)}: {picture.width} × {picture.height}, {path.stat().st_size / 1000:.0f} kB")


@contextmanager
def serving() -> Iterator[App]:
    """The app as it is started by hand, in a process of its own."""
    port = free_port()
    environment = {**os.environ, "GRADIO_SERVER_PORT": str(port)}
    process = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}/"
    try:
        eventually(lambda: answers(url))
        yield App(url, ModelRegistry())
    finally:
        process.terminate()
        process.wait()


def answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m docs.pictures", description=__doc__)
    parser.add_argument("views", nargs="*", metavar="VIEW", help="all of them if none is named")
    asked = parser.parse_args(argv).views
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = launch(playwright)
        with serving() as app:
            for view in VIEWS:
                if not asked or view.__name__ in asked:
                    take(browser, app, view)
        browser.close()


if __name__ == "__main__":
    main()
