"""The barriers of a page, as axe-core finds them."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page


def violations(page: Page, within: str = ".char-lstm") -> list[str]:
    """Return the violations that axe-core finds, once nothing moves that ends soon.

    A whole page takes two seconds of the processor: ``within`` names the part that is new. Around the default part lie
    Gradio's own elements, which have some.
    """
    moving = "document.getAnimations().filter((each) => !['blink', 'invite'].includes(each.animationName))"
    page.evaluate(f"Promise.allSettled({moving}.map((each) => each.finished)).then(() => null)")
    found = Axe().run(page, context=within).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['target']}: {each['nodes'][0]['html']}" for each in found]
