"""Measures how long it takes to find which of 64 characters mattered for one, on the server and in the browser.

    python -m tests.benchmarks.bench_why [--model MODEL] [--repeats 5] [--json FILE]

The server is the real app; the time is that of the request. The browser is a real Chromium with the worker of the
static page. Both read the same text before, so that only the question itself is measured.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

import httpx
import torch
from playwright.sync_api import sync_playwright

from model import PRETRAINED, CharLSTM, generate
from tests.benchmarks.report import machine, write_json
from tests.support.app_server import serving
from tests.support.browser_engine import open_engine, write_engine_page
from tests.support.chromium import launch, serve
from training.hub.space_files import write_static

LENGTH = 400
IN_BROWSER = """async ({ query, position }) => {
  await window.engine.trace({ ...query, at: query.length - 1 });
  const began = performance.now();
  while ((await window.engine.trace({ ...query, why: position })).more);
  return performance.now() - began;
}"""


def query_of(text: str, name: str) -> dict[str, Any]:
    """Returns the part of a request that gives the text."""
    model = {"name": name, "commit": ""}
    given = {"trace": uuid.uuid4().hex, "server": "", "tail": {"at": 0, "text": text}, "length": len(text)}
    return {**given, "model": model, "second": None, "start": False, "share": None, "clamps": []}


def on_server(lm: CharLSTM, text: str, positions: list[int]) -> list[float]:
    """Returns the milliseconds of each request."""
    with serving({"model": lm}) as app, httpx.Client(timeout=60) as http:
        query = query_of(text, "model")
        taken = []
        http.post(f"{app.url}trace", json={**query, "why": 100})
        for position in positions:
            http.post(f"{app.url}trace", json={**query, "at": len(text) - 1})
            began = time.perf_counter()
            answer = http.post(f"{app.url}trace", json={**query, "why": position}).json()
            taken.append(1000 * (time.perf_counter() - began))
            assert len(answer["changes"]) == 64, answer
        return taken


def in_browser(lm: CharLSTM, text: str, positions: list[int]) -> list[float]:
    """Returns the milliseconds of each question."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        write_static(Path(folder), lm)
        write_engine_page(Path(folder))
        browser = launch(playwright)
        with serve(Path(folder)) as url:
            page = browser.new_page()
            open_engine(page, url)
            query = query_of(text, "")
            page.evaluate(IN_BROWSER, {"query": query, "position": 100})  # once unmeasured
            taken = [page.evaluate(IN_BROWSER, {"query": query, "position": position}) for position in positions]
        browser.close()
    return taken


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="How long the question takes which characters mattered.")
    parser.add_argument("--model", default=str(PRETRAINED), help="a model (default: the bundled one)")
    parser.add_argument("--repeats", type=int, default=5, help="positions that are asked about (default 5)")
    parser.add_argument("--json", type=Path, default=Path("build") / "bench_why.json")
    options = parser.parse_args(argv)
    torch.set_num_threads(1)  # as the app
    lm = CharLSTM.from_pretrained(options.model)
    text = "ROMEO:" + generate(lm, "ROMEO:", LENGTH, seed=1)
    positions = [100 + n * (LENGTH - 100) // options.repeats for n in range(options.repeats)]
    taken = {"server_ms": on_server(lm, text, positions), "browser_ms": in_browser(lm, text, positions)}
    for name, each in taken.items():
        print(f"{name[:-3]}: median {statistics.median(each):.0f} ms, slowest {max(each):.0f} ms")
    write_json(options.json, {"machine": machine(), **taken})
    return 0


if __name__ == "__main__":
    sys.exit(main())
