"""Measures the page while it trains: the longest gap between two frames, the speed, and what the page downloads.

    python -m tests.benchmarks.bench_train_page [--slowdown 1] [--minutes 1] [--width 1280] [--tune] [--json FILE]

A real Chromium opens the static page with the bundled model beside it, over loopback, and trains on a text that this
model wrote.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, FilePayload, Page, Request, sync_playwright

from model import PRETRAINED, CharLSTM, generate
from tests.benchmarks.report import write_json
from tests.support.chromium import launch, serve
from training.hub.space_files import write_static

CHARACTERS = 20_000  # of the text, repeated
REPEATS = 10
# The gaps between frames, in ms, from now on.
WATCH = """() => {
  window.gaps = [];
  let last = performance.now();
  const next = (now) => {
    window.gaps.push(now - last);
    last = now;
    requestAnimationFrame(next);
  };
  requestAnimationFrame(next);
}"""
METRICS = ("TaskDuration", "ScriptDuration", "LayoutDuration", "RecalcStyleDuration", "JSHeapUsedSize")  # of the thread
SPEED = "() => document.querySelector('#training .figures').textContent"


def arrival_bytes(browser: Browser, url: str) -> dict[str, int]:
    """Returns the bytes of page, scripts, tables and modules that a visitor downloads, without the weights."""
    page = browser.new_page()
    found: dict[str, int] = {}

    def note(request: Request) -> None:
        if not request.url.endswith("model.safetensors"):
            found[request.url] = request.sizes()["responseBodySize"]

    page.on("requestfinished", note)
    page.goto(url)
    page.locator(".welcome .hint").wait_for()
    page.wait_for_load_state("networkidle")
    page.close()
    return {"files": len(found), "bytes": sum(found.values())}


def train(page: Page, text: str, minutes: int, tunes: bool) -> dict[str, Any]:
    """Trains on the open page; returns the gaps between frames and the last figures."""
    page.set_default_timeout(60_000 * (minutes + 5))
    page.locator("#training textarea").wait_for()
    file: FilePayload = {"name": "text.txt", "mimeType": "text/plain", "buffer": text.encode()}
    page.locator("#training .text-file").set_input_files(file)
    page.get_by_role("slider", name="Minutes of training").fill(str(minutes))
    if tunes:
        page.locator("#training [value=parent]").check()
    page.evaluate(WATCH)
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    page.get_by_role("button", name="Start training").click()
    page.locator("#training .written .text i").first.wait_for()
    started = page.evaluate("window.gaps.length")
    page.wait_for_timeout(1000 * 60 * minutes // 2)
    figures = page.evaluate(SPEED)
    page.locator("#training .trained li").wait_for()
    gaps: list[float] = page.evaluate("window.gaps")
    late = gaps[started:]
    metrics = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
    return {
        "figures": figures,
        "longest_gap_ms": max(late),
        "gaps_over_50_ms": sum(gap > 50 for gap in late),
        "longest_gap_at_start_ms": max(gaps[:started]),
        "frames": len(late),
        "page_thread": {name: metrics[name] for name in METRICS},
    }


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="How the page feels while it trains.")
    parser.add_argument("--slowdown", type=float, default=1.0, help="how many times slower the page's thread is")
    parser.add_argument("--minutes", type=int, default=1, help="minutes of training (default 1)")
    parser.add_argument("--width", type=int, default=1280, help="of the window, in pixels (default 1280)")
    parser.add_argument("--tune", action="store_true", help="fine-tune the bundled model instead of a new network")
    parser.add_argument("--json", type=Path, default=Path("build") / "bench_train_page.json")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        lm = CharLSTM.from_pretrained(PRETRAINED)
        text = generate(lm, "ROMEO:", CHARACTERS, seed=1) * REPEATS
        write_static(Path(folder), lm)
        browser = launch(playwright)
        with serve(Path(folder)) as url:
            found: dict[str, Any] = {"arrival": arrival_bytes(browser, url)}
            page = browser.new_page(viewport={"width": options.width, "height": 844})
            page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": options.slowdown})
            page.goto(f"{url}#train")
            found["training"] = train(page, text, options.minutes, options.tune)
        browser.close()
    for name, figures in found.items():
        print(name, figures)
    write_json(options.json, found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
