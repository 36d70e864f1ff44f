"""The barriers of a page, as axe-core finds them."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page

# Animations that follow a scroll bar, and two others, do not end soon.
_STILL = """() => Promise.allSettled(
  document.getAnimations()
    .filter((each) => each.timeline === document.timeline && !["blink", "invite"].includes(each.animationName))
    .map((each) => each.finished)
).then(() => null)"""
# What sticks to the edge of the window covers a part of what is scrolled below it, which axe finds too small then.
_STICK = "(way) => document.querySelectorAll('.frame, #ask').forEach((each) => (each.style.position = way))"


def run_axe(page: Page, **options: Any) -> list[dict[str, Any]]:
    """Return the violations that axe-core finds, once nothing moves that ends soon."""
    page.evaluate(_STILL)
    page.evaluate(_STICK, "static")
    found: list[dict[str, Any]] = Axe().run(page, **options).response["violations"]
    page.evaluate(_STICK, "")
    return found


def violations(page: Page, within: str = ".char-lstm") -> list[str]:
    """Return a line for each violation in a part of the page.

    A whole page takes two seconds of the processor: ``within`` names the part that is new. Around the default part lie
    Gradio's own elements, which have some.
    """
    found = run_axe(page, context=within)
    return [f"{each['id']}: {each['nodes'][0]['target']}: {each['nodes'][0]['html']}" for each in found]
