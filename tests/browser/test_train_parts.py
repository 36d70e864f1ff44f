"""Training in a real browser without a training: the worker that reads a text, and what the panel draws of a state.

tests/unit/web/learn/texts.test.js has what the worker reads.
"""

import math
from typing import Any

import pytest
from playwright.sync_api import Page, expect

STEPS = 1000
# Draws the panel; `state` then has the signals that it shows.
SHOW = """async () => {
  const { loadLanguages } = await import("/document/words.js");
  await loadLanguages("/", "en");
  const { drawPanel } = await import("/learn/page/panel.js");
  window.state = (await import("/learn/page/state.js")).state;
  document.body.innerHTML = `<div class="char-lstm"><details id="training" open><div></div></details></div>`;
  drawPanel(document.querySelector("#training div"));
}"""
PUT = "(values) => { for (const [name, value] of Object.entries(values)) state[name].value = value; }"


def progress(**values: Any) -> dict[str, Any]:
    about: dict[str, Any] = {"name": "words", "minutes": 1}
    begun: dict[str, Any] = {"about": about, "seconds": 0, "loss": None, "speed": None, "sample": None}
    return {**begun, "step": 10, "steps": STEPS, **values}


def test_the_panel_draws_any_state(web_page: Page) -> None:
    web_page.evaluate(SHOW)
    panel = web_page.locator("#training")
    expect(panel.get_by_role("textbox", name="Your text")).to_be_visible()
    one = math.log(2)  # bits in nats
    held_out = [[100 * at, one * bits] for at, bits in enumerate((4, 2, 1, 1.1, 1.2), 1)]
    curve = {"training": [[1, 4 * one], [300, 2 * one], [500, one]], "heldOut": held_out}
    web_page.evaluate(PUT, {"phase": "runs", "progress": progress(curve=curve, seconds=2)})
    expect(panel.get_by_role("textbox")).to_have_count(0)
    expect(panel.locator(".figures")).to_contain_text("1:00 left")  # the minute that was chosen, not 3:18
    for name, text in (("highest", "4.00 bits per character"), ("lowest", "1.00"), ("last", "step 1,000")):
        expect(panel.locator(f".curve .{name}")).to_have_text(text)
    expect(panel.locator(".curve .tick")).to_have_text(["1", "10", "100"])  # both axes are logarithmic
    points = (panel.locator(".curve .held-out").get_attribute("points") or "").split()
    places = [[float(each) for each in point.split(",")] for point in points[:3]]
    assert places == [pytest.approx(place, abs=1e-3) for place in ([66.667, 5], [76.701, 50], [82.571, 95])]
    dot = panel.locator(".curve .best").evaluate("({ style }) => [style.left, style.top].map(parseFloat)")
    assert dot == pytest.approx(places[2], abs=1e-3)  # at the lowest loss
    said = panel.locator(".explained").get_by_role("status", include_hidden=True)
    expect(said).to_have_text(
        "It begins to learn your text by heart: the loss on the held-out text has risen from 1.00 to 1.20. "
        "Stop here, or add more text. The weights of step 300, with the lowest loss, are kept."
    )
    ended = {"phase": "none", "progress": progress(curve=curve)}
    web_page.evaluate(PUT, {**ended, "kept": {"name": "words", "step": 10, "steps": STEPS}})
    expect(panel.locator(".figures")).to_have_text("Stopped at step 10 of 1,000")
    expect(said).to_be_empty()
    expect(panel.get_by_role("button", name="Continue your training")).to_be_visible()
    web_page.evaluate("window.matchMedia = () => ({ matches: true })")  # the pointer is a finger
    read = {"text": "", "name": "words", "characters": 120, "distinct": 2, "lines": 1}
    web_page.evaluate(PUT, {"text": read})
    expect(panel.locator(".phone")).to_contain_text("On a phone, keep this page in front: training pauses while")


READ = """async (line) => {
  const { readText } = await import("./learn/corpus/read.js");
  const source = new Blob([line.repeat(5_000_000 / line.length)]);
  let [turns, done] = [0, false];
  const reading = readText(source, { name: "x" }).finally(() => (done = true));
  while (!done) { await new Promise((go) => setTimeout(go)); turns++; }
  const { characters, private: found } = await reading;
  return { turns, characters, ids: found.map((each) => each.id) };
}"""
REFUSE = """async () => {
  const { readText } = await import("./learn/corpus/read.js");
  let ended = false;
  readText("ab c".repeat(3_000_000), { name: "x" }).then(() => (ended = true));
  const refused = await readText("abc", { name: "x" }).catch(({ reason }) => reason.id);
  return [ended, refused];
}"""


def test_the_page_stays_smooth_while_a_large_text_is_read(web_page: Page) -> None:
    """The main thread has no task of its own meanwhile: messages to itself are answered all the time."""
    line = "On 3/4/1848 Ada paid 12.50 for it; write to ada@kurz.de, or call 0171 9018234.\n"
    found = web_page.evaluate(READ, line)
    assert found["characters"] == 5_000_000 // len(line) * len(line)
    assert sorted(found["ids"]) == ["private.email", "private.phone"]
    assert found["turns"] > 20


def test_a_reading_ends_with_the_next_one_or_a_refusal(web_page: Page) -> None:
    assert web_page.evaluate(REFUSE) == [False, "text.too_short"]
