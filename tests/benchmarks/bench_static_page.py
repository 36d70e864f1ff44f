"""Measures the static page on a slow network and on a slow computer.

    python -m tests.benchmarks.bench_static_page [--slowdown 4] [--length 5000] [--json FILE]

A real Chromium opens the page with the bundled model beside it, over loopback. On a network of 1.6 Mbit/s and 150 ms:
when it shows the download, and when a reply begins. With CPU throttling: the first text, and the longest task of each
lens during a reply.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from model import PRETRAINED, CharLSTM
from tests.benchmarks.report import write_json
from tests.support.chromium import launch, serve
from training.hub.space_files import write_static

SLOW_NETWORK = {"offline": False, "latency": 150, "downloadThroughput": 1.6e6 / 8, "uploadThroughput": 0.75e6 / 8}
FIRST_REPLY = "() => document.querySelector('article.turn .reply')?.textContent && performance.now()"
# When the download is first shown, and when its first part has arrived; in ms.
SHOWN = """window.shown = {};
(function look() {
  const bar = document.querySelector("progress");
  if (bar?.checkVisibility()) window.shown.bar ??= performance.now();
  if (bar?.value) window.shown.part ??= performance.now();
  requestAnimationFrame(look);
})();"""
LENSES = ("Text", "How surprised?", "What it remembers", "One letter at a time")
FIRST_TEXT = "() => (document.querySelector('.log .reply')?.textContent.length ?? 0) > 0 && performance.now()"
WATCH = """() => {
  window.longest = 0;
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) window.longest = Math.max(window.longest, duration);
  }).observe({ type: 'longtask' });
}"""


def open_slowly(browser: Browser, url: str, slowdown: float) -> Page:
    """Opens the page with the processor slowed down by a factor."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": slowdown})
    page.goto(url, wait_until="commit")
    return page


def first_reply_s(browser: Browser, url: str) -> dict[str, float]:
    """Returns the seconds on a slow network until the download is shown, has begun, and the reply to a link begins."""
    page = browser.new_context().new_page()
    page.set_default_timeout(600_000)
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    network.send("Network.emulateNetworkConditions", SLOW_NETWORK)
    page.add_init_script(SHOWN)
    page.goto(f"{url}?prompt=ROMEO:&seed=1&length=100", wait_until="commit")
    reply_ms = page.wait_for_function(FIRST_REPLY).json_value()
    shown: dict[str, float] = page.evaluate("window.shown")
    page.context.close()
    return {name: ms / 1000 for name, ms in {**shown, "reply": reply_ms}.items()}


def first_text_s(browser: Browser, url: str, slowdown: float) -> float:
    """Returns the seconds from the start of the navigation to the first character that the model has written."""
    page = open_slowly(browser, url, slowdown)
    found = page.wait_for_function(FIRST_TEXT).json_value() / 1000
    page.context.close()
    return float(found)


def longest_task_ms(browser: Browser, url: str, slowdown: float, lens: str, length: int) -> float:
    """Returns the longest task of the main thread, in ms, while a reply is written at full speed under a lens."""
    page = open_slowly(browser, url, slowdown)
    page.set_default_timeout(600_000)
    page.wait_for_function(FIRST_TEXT)
    for name, value in (("Length", length), ("Speed", 200)):
        page.get_by_role("spinbutton", name=name).fill(str(value))
    page.get_by_text(lens, exact=True).first.click()
    page.wait_for_timeout(1000)
    page.evaluate(WATCH)
    page.get_by_role("textbox", name="Prompt").fill("ROMEO:")
    page.keyboard.press("Enter")
    page.wait_for_selector(".log article .footer")
    page.wait_for_timeout(3000)  # the lens reads on
    longest = float(page.evaluate("window.longest"))
    page.context.close()
    return longest


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="How the static page feels where it is slow.")
    parser.add_argument(
        "--slowdown", type=float, default=4.0, help="how many times slower the processor is (default 4)"
    )
    parser.add_argument("--length", type=int, default=5000, help="characters of the reply (default 5000)")
    parser.add_argument("--json", type=Path, default=Path("build") / "bench_static_page.json")
    options = parser.parse_args(argv)
    found: dict[str, Any] = {"longest_task_ms": {}}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        write_static(Path(folder), CharLSTM.from_pretrained(PRETRAINED))
        browser = launch(playwright)
        with serve(Path(folder)) as url:
            found["slow_network_s"] = slow = first_reply_s(browser, url)
            print(f"slow network: the download is shown after {slow['bar']:.2f} s, its first part after", end=" ")
            print(f"{slow['part']:.2f} s, the reply begins after {slow['reply']:.2f} s")
            found["first_text_s"] = first_text_s(browser, url, options.slowdown)
            print(f"first text after {found['first_text_s']:.2f} s")
            for lens in LENSES:
                longest = longest_task_ms(browser, url, options.slowdown, lens, options.length)
                found["longest_task_ms"][lens] = longest
                print(f"longest task under {lens!r}: {longest:.0f} ms", flush=True)
        browser.close()
    write_json(options.json, found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
