"""Measures how long a visitor waits for the page after the app is started, for its first text, and for a character.

    python -m tests.benchmarks.bench_page [--json FILE]

A real Chromium opens the real app, which runs in its own process. The figures are medians of five visits.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

from playwright.sync_api import Browser, expect, sync_playwright

from tests.benchmarks.bench_crowd import app
from tests.benchmarks.report import write_json
from tests.support.chromium import launch

VISITS = 5
# Polled in the page itself, so that no message between processes is in the figure.
WATCH = """() => { window.firstCharacter = new Promise(done => {
    const log = document.querySelector('[role=log]');
    document.addEventListener('keydown', () => {
        const began = performance.now(), before = log.textContent;
        (function look() {
            const text = log.textContent;
            if (text !== before && /ROMEO:[^]/.test(text)) done(performance.now() - began);
            else requestAnimationFrame(look);
        })();
    }, {capture: true, once: true});
}); }"""


def visit(browser: Browser, url: str) -> tuple[float, float]:
    """Returns the seconds from the document to the first text, and from Enter to the first character."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(url, wait_until="commit")
    began = time.perf_counter()
    page.wait_for_function("() => document.body && document.body.innerText.length > 100")
    text_s = time.perf_counter() - began
    prompt = page.get_by_role("textbox", name="Prompt")
    prompt.fill("ROMEO:")
    expect(page.get_by_role("button", name="Send", exact=True)).to_be_enabled()
    page.evaluate(WATCH)
    prompt.press("Enter")
    first_s = page.evaluate("() => window.firstCharacter") / 1000
    context.close()
    return text_s, first_s


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="How long a visitor waits.")
    parser.add_argument("--json", type=Path, default=Path("build") / "bench_page.json")
    options = parser.parse_args(argv)
    began = time.perf_counter()
    with app() as url:
        answers_s = time.perf_counter() - began
        with sync_playwright() as playwright:
            browser = launch(playwright)
            visit(browser, url)  # once unmeasured
            visits = [visit(browser, url) for _ in range(VISITS)]
            browser.close()
    found = {
        "answers_s": answers_s,
        "first_text_s": statistics.median(text for text, _ in visits),
        "first_character_s": statistics.median(first for _, first in visits),
    }
    print(f"the page answers {answers_s:.1f} s after the app is started")
    print(f"first text {found['first_text_s']:.2f} s after the document")
    print(f"first character {found['first_character_s']:.3f} s after Enter")
    write_json(options.json, found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
