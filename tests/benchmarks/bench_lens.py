"""Measures the frames of the page while a long reply is written under each lens, and the server's time per update.

    python -m tests.benchmarks.bench_lens

A real Chromium, 1280 pixels wide, opens the real app and the static page with the bundled model; all share the cores of
the machine. A frame is the time between two animation frames of the page, from Enter until the page no longer changes;
a task is work of the page's thread of more than 50 ms; an update is a frame in which the reply has become longer. The
server's time is the processor time of all its threads except the engine's, from the first update to the last.
"""

import tempfile
import threading
from contextlib import ExitStack
from itertools import product
from pathlib import Path

import torch
from playwright.sync_api import Browser, sync_playwright

from model import PRETRAINED, CharLSTM
from tests.benchmarks.bench_stream import machine
from tests.browser.driving import open_page, setting
from tests.browser.looking import choose_lens
from tests.support.app_server import App, serving
from tests.support.chromium import launch, serve
from training.hub.space_files import write_static
from ui.registry.registry import ModelRegistry

LENSES = ("Text", "What it remembers", "One letter at a time")
LONG_MS = 100
LENGTH = 5000
REPEATS = 3
# ``begun`` comes with the reply's first character, ``written`` with its last, ``still`` when all have their colours.
WATCH = """() => {
    const log = document.querySelector('[role=log]'), frames = [], updates = [];
    let last, longest = 0, changedAt = 0, changed = false, grown = false, tellBegun, tellWritten, tellStill;
    window.begun = new Promise(done => tellBegun = done);
    window.written = new Promise(done => tellWritten = done);
    window.still = new Promise(done => tellStill = done);
    new PerformanceObserver(tasks => {
        for (const { duration } of tasks.getEntries()) longest = Math.max(longest, duration);
    }).observe({type: 'longtask'});
    new MutationObserver(changes => {
        changed = true;
        grown ||= changes.some(each => each.addedNodes.length && each.target.closest('.reply'));
    }).observe(log, {subtree: true, childList: true, attributes: true});
    const look = now => {
        if (last) frames.push(now - last);
        last = now;
        if (changed) changedAt = now;
        if (grown) tellBegun(updates.push(now));
        changed = grown = false;
        const over = log.querySelector(':scope > article .moves .footer');
        if (over && updates.length > 1) tellWritten(updates);
        if (over && now - changedAt > 800) tellStill({frames, longest, coloured_s: (changedAt - updates[0]) / 1000});
        else requestAnimationFrame(look);
    };
    document.addEventListener('keydown', () => requestAnimationFrame(look), {capture: true, once: true});
}"""


def server_s() -> float:
    """Returns the processor time so far, in seconds, of all threads except this one and the engine's."""
    spared = {each.native_id for each in threading.enumerate() if each.name.startswith(("engine", "MainThread"))}
    threads = [each for each in Path("/proc/self/task").iterdir() if int(each.name) not in spared]
    return sum(int((each / "schedstat").read_text().split()[0]) for each in threads) / 1e9


def write(app: App, browser: Browser, lens: str) -> str:
    """Writes one reply at full speed on a new page under a lens, and returns the columns of its figures."""
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    page, _ = open_page(context, app)
    choose_lens(page, lens)
    for name, value in {"Speed": 200, "Length": LENGTH, "Seed": 1}.items():
        setting(page, name, value)
    page.get_by_role("textbox", name="Prompt").fill("ROMEO:")
    page.evaluate(WATCH)
    page.keyboard.press("Enter")
    page.evaluate("() => window.begun")
    before = server_s()
    updates = page.evaluate("() => window.written")
    served_s = server_s() - before
    still = page.evaluate("() => window.still")
    context.close()
    written_s, count = (updates[-1] - updates[0]) / 1000, len(updates) - 1
    long_frames = sum(frame > LONG_MS for frame in still["frames"])
    return (
        f"{max(still['frames']):>12.0f} ms{still['longest']:>5.0f} ms{long_frames:>13}{count / written_s:>11.1f}"
        f"{1000 * served_s / count:>16.1f} ms{written_s:>10.2f} s{still['coloured_s']:>11.2f} s"
    )


if __name__ == "__main__":
    torch.set_num_threads(1)  # as the app
    lm = CharLSTM.from_pretrained(PRETRAINED)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        write_static(folder, lm)
        app = stack.enter_context(serving({"bundled": lm}))
        pages = {"app": app, "static": App(stack.enter_context(serve(folder)), ModelRegistry())}
        browser = launch(stack.enter_context(sync_playwright()))
        write(app, browser, "Text")  # once unmeasured
        print(
            f"{LENGTH:,} characters; {machine()}, Chromium {browser.version}\n\n"
            f"{'page':<8}{'lens':<24}{'longest frame':>15}{'task':>8}{'over 100 ms':>13}{'updates/s':>11}"
            f"{'server, an update':>19}{'written in':>12}{'coloured in':>13}"
        )
        for page, lens in list(product(pages, LENSES)) * REPEATS:
            print(f"{page:<8}{lens:<24}{write(pages[page], browser, lens)}", flush=True)
        browser.close()
