"""Measures how long a visitor waits for the page after the app is started, for its first text, and for a character.

    python -m tests.benchmarks.bench_page

A real Chromium opens the real app, which runs in its own process. The figures are medians of five visits. Then it opens
the app and the static page on a slower processor: how long until a prompt can be sent, and what is loaded until then.
Last the static page on a network of 1.6 Mbit/s and 150 ms: when it shows the download, and when a link's reply begins.
"""

import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, expect, sync_playwright

from model import PRETRAINED, CharLSTM
from tests.support.app_process import started
from tests.support.chromium import launch, serve
from training.hub.space_files import write_static

VISITS = 5
SLOWDOWN = 4  # of the processor, at arrival
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


def on_slow_network(browser: Browser, url: str) -> dict[str, float]:
    """Returns the seconds until the static page shows its download, has a part of it, and begins a link's reply."""
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


# The page can be used once Send can be pressed and a lens answers a click.
USABLE = """() => {
    const send = document.querySelector('[data-move=send]');
    return Boolean(send && !send.disabled && document.querySelector('.lenses input')) && performance.now();
}"""
LOADED = """() => {
    const all = performance.getEntriesByType('resource');
    const scripts = all.filter(({ name }) => name.split('?')[0].endsWith('.js'));
    const own = scripts.filter(({ name }) => !/\\/(assets|static\\/js)\\//.test(name)); // the others are Gradio's
    const bytes = (each) => each.reduce((sum, { decodedBodySize }) => sum + decodedBodySize, 0);
    return { requests: all.length, own_scripts: own.length, own_script_bytes: bytes(own), bytes: bytes(all),
        first_script_ms: Math.min(...own.map(({ startTime }) => startTime)) };
}"""
# The first character that the model of the static page has written; the app's document has a text from the beginning.
FIRST_TEXT = "() => (document.querySelector('.log .reply')?.textContent.length ?? 0) > 0 && performance.now()"
TASKS = """window.tasks = [];
window.shifts = 0;
new PerformanceObserver((list) => tasks.push(...list.getEntries().map(({ duration }) => duration)))
    .observe({ type: 'longtask', buffered: true });
new PerformanceObserver((list) => list.getEntries().forEach(({ value }) => (window.shifts += value)))
    .observe({ type: 'layout-shift', buffered: true });"""
ARRIVAL_S = 8  # until both endings of the welcome text are written


def arrival(browser: Browser, url: str) -> dict[str, float]:
    """Returns what a first visit with a slowed processor needs until the page can be used."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, service_workers="block")
    page = context.new_page()
    context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": SLOWDOWN})
    page.add_init_script(TASKS)
    page.goto(url, wait_until="commit")
    usable_ms = page.wait_for_function(USABLE).json_value()
    found: dict[str, float] = page.evaluate(LOADED)
    tasks: list[float] = page.evaluate("tasks")
    found |= {"usable_s": (usable_ms - found.pop("first_script_ms")) / 1000}
    found |= {"long_tasks": len(tasks), "longest_task_ms": max(tasks, default=0.0)}
    found["first_text_s"] = page.wait_for_function(FIRST_TEXT).json_value() / 1000
    found["first_paint_s"] = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime") / 1000
    page.wait_for_timeout(1000 * ARRIVAL_S)
    found["layout_shift"] = page.evaluate("window.shifts")
    context.close()
    return found


def arrivals(browser: Browser, url: str) -> dict[str, float]:
    """Returns the medians of several first visits."""
    found = [arrival(browser, url) for _ in range(VISITS)]
    return {name: statistics.median(each[name] for each in found) for name in found[0]}


if __name__ == "__main__":
    began = time.perf_counter()
    with started() as (_, url):
        answers_s = time.perf_counter() - began
        with sync_playwright() as playwright:
            browser = launch(playwright)
            visit(browser, url)  # once unmeasured
            visits = [visit(browser, url) for _ in range(VISITS)]
            slow = {"app": arrivals(browser, url)}
            with tempfile.TemporaryDirectory() as folder:
                write_static(Path(folder), CharLSTM.from_pretrained(PRETRAINED))
                with serve(Path(folder)) as static_url:
                    slow["static page"] = arrivals(browser, static_url)
                    network = on_slow_network(browser, static_url)
            browser.close()
    print(f"the page answers {answers_s:.1f} s after the app is started")
    print(f"first text {statistics.median(text_s for text_s, _ in visits):.2f} s after the document")
    print(f"first character {statistics.median(first_s for _, first_s in visits):.3f} s after Enter")
    for name, each in slow.items():
        print(f"{name}, {SLOWDOWN} times slower: usable {each['usable_s']:.2f} s after its first script", end="; ")
        print(f"first text after {each['first_text_s']:.2f} s")
        print(f"  {each['own_scripts']:.0f} scripts of its own, {each['own_script_bytes'] / 1000:.0f} kB", end="; ")
        print(f"{each['requests']:.0f} requests, {each['bytes'] / 1000:.0f} kB", end="; ")
        print(f"{each['long_tasks']:.0f} long tasks, the longest {each['longest_task_ms']:.0f} ms", end="; ")
        print(f"layout shift {each['layout_shift']:.3f}")
    print(f"static page, slow network: the download is shown after {network['bar']:.2f} s", end=", ")
    print(f"its first part after {network['part']:.2f} s; the reply to a link begins after {network['reply']:.1f} s")
