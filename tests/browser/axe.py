"""The accessibility violations of a page, as axe-core finds them."""

from typing import Any

from axe_playwright_python.base import AXE_SCRIPT  # type: ignore[import-untyped]
from playwright.sync_api import Page

RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
# Waits for all animations but those that follow a scroll bar and `blink`, which repeats.
_STILL = """() => Promise.allSettled(
  document.getAnimations()
    .filter((each) => each.timeline === document.timeline && each.animationName !== "blink")
    .map((each) => each.finished)
).then(() => null)"""
# Sticky elements cover a part of the controls below them, which axe-core then finds too small.
_STICK = """(style) =>
  document.querySelectorAll(".frame, .log, .shared, #ask").forEach((each) => Object.assign(each.style, style))"""
# The colours of characters take most of its time: tests/unit/web/test_contrast.py has them.
_RUN = """([part, options]) =>
  axe.run({ include: part, exclude: ".text i:not(.unknown, .same)" }, { ...options, resultTypes: ["violations"] })
    .then((found) => found.violations)"""


def violations(page: Page, part: str) -> list[str]:
    """Return a line for each violation of WCAG 2.2 AA in a part of a page, once its animations have ended.

    A whole page takes half a second of the processor, so one test calls it, on every view: test_every_view.py.
    """
    page.evaluate(_STILL)
    page.evaluate(_STICK, {"position": "relative", "inset": "auto"})
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found: list[dict[str, Any]] = page.evaluate(_RUN, [part, RULES])
    page.evaluate(_STICK, {"position": "", "inset": ""})
    return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found]
