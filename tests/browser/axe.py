"""The accessibility violations of a page, as axe-core finds them."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.base import AXE_SCRIPT  # type: ignore[import-untyped]
from playwright.sync_api import Page

# Waits for all animations but those that follow a scroll bar and the two that repeat, `blink` and `invite`.
_STILL = """() => Promise.allSettled(
  document.getAnimations()
    .filter((each) => each.timeline === document.timeline && !["blink", "invite"].includes(each.animationName))
    .map((each) => each.finished)
).then(() => null)"""
# Sticky elements cover a part of the controls below them, which axe-core then finds too small.
_STICK = """(style) =>
  document.querySelectorAll(".frame, .log, .shared, #ask").forEach((each) => Object.assign(each.style, style))"""
_RUN = """([within, options]) =>
  axe.run(within ?? document, { ...options, resultTypes: ["violations"] }).then(({ violations }) => violations)"""


def run_axe(page: Page, within: str | None = None, options: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Return what axe-core finds in a part of the page, or in all of it, once its animations have ended."""
    page.evaluate(_STILL)
    page.evaluate(_STICK, {"position": "relative", "inset": "auto"})
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found: list[dict[str, Any]] = page.evaluate(_RUN, [within, options])
    page.evaluate(_STICK, {"position": "", "inset": ""})
    return found


def violations(page: Page, within: str = ".char-lstm") -> list[str]:
    """Return a line for each violation in a part of the page.

    A whole page takes half a second of the processor: ``within`` names the part that is new. Around the default part
    are Gradio's own elements, which have some.
    """
    found = run_axe(page, within)
    return [f"{each['id']}: {each['nodes'][0]['target']}: {each['nodes'][0]['html']}" for each in found]
