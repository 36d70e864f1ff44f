"""Measures training in the browser: its speed beside torch's, frames and memory meanwhile, and what is downloaded.

    python -m tests.benchmarks.bench_train_page [--only PART ...] [--minutes 1] [--repeats 5]

Parts:

    speed    characters a second of one worker and of two, in Chromium, and of `plain_training`, which trains nn.LSTM on
             one thread in float32; they take turns, and medians are compared. It needs two idle cores
    static   the static page while it trains: the gaps between two frames of its thread
    app      the same of the page that the app leads to
    phone    the same of the static page, 390 pixels wide with its thread 4 times slower, and the memory of its process.
             Chromium cannot slow workers down
    tune     the same of the static page while it fine-tunes its model
    bytes    what a visitor downloads at arrival, and to train, as a server sends it that compresses with gzip

A real Chromium opens the pages over loopback, and trains on a text that the bundled model wrote.
"""

import argparse
import gzip
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import torch
from playwright.sync_api import Browser, FilePayload, Page, Request, sync_playwright

from model import PRETRAINED, CharLSTM, generate
from tests.benchmarks import plain_training, plain_way
from tests.support.app_server import serving
from tests.support.chromium import launch, serve, tab_memory
from training.hub.space_files import write_static

PARTS = ("speed", "static", "app", "phone", "tune", "bytes")
CHARACTERS = 20_000  # of the text, repeated
REPEATS = 10
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
SLOWDOWN = 4.0  # of the page's thread, on a phone
VOCAB, ROWS, WINDOW = 65, 32, 64  # of the speed
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
# Characters a second of a run, over some steps after the first ones, in which the browser still compiles.
SPEED = """async ({ vocab: size, hidden, workers, warmUp, steps }) => {
  const { Training } = await import("./learn/trainer.js");
  const { planRun } = await import("./learn/recipe.js");
  const ids = Uint16Array.from({ length: 100_000 }, (_, n) => (n * n + 7 * n) % size);
  const vocab = Array(size).fill("x");
  const plan = planRun({ vocab, ids, minutes: 1000, speed: 20_000, seed: 1, workers, parent: null });
  Object.assign(plan.recipe, { hidden });
  let began = 0;
  for await (const { taken } of new Training(plan).run()) {
    if (taken?.step === warmUp) began = taken.seconds;
    if (taken?.step !== warmUp + steps) continue;
    return (steps * plan.recipe.rows * plan.recipe.window * workers) / (taken.seconds - began);
  }
}"""
FIGURES = "() => document.querySelector('#training .figures').textContent"


def speeds(page: Page, repeats: int) -> dict[str, Any]:
    """Returns characters per second, and the ratios of the aims, on an open page of the static site."""
    taken: dict[str, list[float]] = defaultdict(list)
    plain = {hidden: _plain_steps(hidden) for hidden in (128, 256)}
    for _ in range(repeats):
        for hidden in (128, 256):
            for workers in (1, 2) if hidden == 256 else (1,):
                given = {"vocab": VOCAB, "hidden": hidden, "workers": workers, "warmUp": 4, "steps": 4096 // hidden}
                taken[f"{hidden}, {workers} workers"].append(page.evaluate(SPEED, given))
            taken[f"{hidden}, torch"].append(_plain_speed(plain[hidden], 2048 // hidden))
    medians = {name: statistics.median(each) for name, each in taken.items()}
    return {
        "chars_per_sec": {name: round(speed) for name, speed in medians.items()},
        "of torch, 1 x 256 (aim 0.5)": round(medians["256, 1 workers"] / medians["256, torch"], 3),
        "of torch, 1 x 128 (aim 0.65)": round(medians["128, 1 workers"] / medians["128, torch"], 3),
        "two workers of one (aim 1.7)": round(medians["256, 2 workers"] / medians["256, 1 workers"], 3),
    }


def _plain_steps(hidden: int) -> Iterator[float]:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = plain_way.PlainModel(VOCAB, 32, hidden, 1)
    return plain_training.train(model, torch.randint(0, VOCAB, (100_000,)), ROWS, WINDOW)


def _plain_speed(steps: Iterator[float], count: int) -> float:
    next(steps)  # finds the caches cold
    began = time.perf_counter()
    for _ in range(count):
        next(steps)
    return count * ROWS * WINDOW / (time.perf_counter() - began)


def downloads(browser: Browser, folder: Path, url: str, text: str) -> dict[str, Any]:
    """Returns the bytes at arrival, and all until a training has begun, without weights; and as gzip packs them."""
    found: dict[str, tuple[int, int]] = {}

    def note(request: Request) -> None:
        path = folder / (urlsplit(request.url).path.strip("/") or "index.html")
        if path.is_file() and path.suffix != ".safetensors":
            content = path.read_bytes()
            found[path.relative_to(folder).as_posix()] = len(content), len(gzip.compress(content))

    def total() -> dict[str, int]:
        plain, packed = (sum(sizes) for sizes in zip(*found.values(), strict=True))
        return {"files": len(found), "bytes": plain, "gzip": packed}

    page = browser.new_page(service_workers="block")  # it fetches more, for a visit without a network
    page.context.on("requestfinished", note)
    page.goto(url)
    page.locator(".welcome .hint").wait_for()
    page.wait_for_load_state("networkidle")
    arrival = total()
    page.locator("#menu .train").click()
    _start(page, text, 1, tunes=False)
    everything = total()
    page.close()
    return {"arrival": arrival, "to train": everything}


def _start(page: Page, text: str, minutes: int, *, tunes: bool) -> None:
    """Starts a training on a page whose panel is open, and waits for its first sample."""
    page.locator("#training textarea").wait_for()
    file: FilePayload = {"name": "text.txt", "mimeType": "text/plain", "buffer": text.encode()}
    page.locator("#training .text-file").set_input_files(file)
    page.get_by_role("slider", name="Minutes of training").fill(str(minutes))
    if tunes:
        page.locator("#training [value=parent]").check()
    page.get_by_role("button", name="Start training").click()
    page.locator("#training .written .text i").first.wait_for()


def train(page: Page, text: str, minutes: int, *, tunes: bool = False) -> dict[str, Any]:
    """Trains on the open page; returns the gaps between frames, the figures in the middle, and the memory."""
    page.set_default_timeout(60_000 * (minutes + 5))
    page.evaluate(WATCH)
    _start(page, text, minutes, tunes=tunes)
    started = page.evaluate("window.gaps.length")
    memory = [tab_memory(page)]
    figures = ""
    while not page.locator("#training .trained li").count():
        page.wait_for_timeout(1000)
        figures = figures if len(memory) > 30 * minutes else page.evaluate(FIGURES)
        memory.append(tab_memory(page))
    gaps: list[float] = page.evaluate("window.gaps")
    late = gaps[started:]
    return {
        "figures": figures,
        "longest_gap_ms (aim 50)": max(late),
        "gaps_over_50_ms": sum(gap > 50 for gap in late),
        "longest_gap_at_start_ms": max(gaps[:started]),
        "frames": len(late),
        "memory_mb (phone: aim 300)": max(memory) // 1_000_000,
    }


@contextmanager
def opened(browser: Browser, address: str, slowdown: float = 1.0, **context: Any) -> Iterator[Page]:
    """Opens a page in a context of its own."""
    own = browser.new_context(**context)
    page = own.new_page()
    own.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": slowdown})
    page.goto(address)
    yield page
    own.close()


def measure(part: str, browser: Browser, folder: Path, url: str, text: str, options: argparse.Namespace) -> Any:
    """Returns the figures of a part."""
    if part == "speed":
        with opened(browser, f"{url}README.md") as page:
            return speeds(page, options.repeats)
    if part == "bytes":
        return downloads(browser, folder, url, text)
    with ExitStack() as stack:
        address = f"{url}#train"
        if part == "app":
            app = stack.enter_context(serving({"bundled": CharLSTM.from_pretrained(PRETRAINED)}))
            with opened(browser, app.url) as page:
                address = page.get_by_role("link", name="Train on your text").get_attribute("href") or ""
        display: dict[str, Any] = {**PHONE, "slowdown": SLOWDOWN} if part == "phone" else {}
        page = stack.enter_context(opened(browser, address, **display))
        return train(page, text, options.minutes, tunes=part == "tune")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Training in the browser: speed, frames, memory, bytes.")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--minutes", type=int, default=1, help="minutes of each training (default 1)")
    parser.add_argument("--repeats", type=int, default=5, help="turns of each speed (default 5)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        lm = CharLSTM.from_pretrained(PRETRAINED)
        text = generate(lm, "ROMEO:", CHARACTERS, seed=1) * REPEATS
        write_static(folder, lm)
        browser = launch(playwright)
        with serve(folder) as url:
            for part in options.only:
                print(part, measure(part, browser, folder, url, text, options), flush=True)
        browser.close()
