"""What the training panel shows of the losses: its modules alone, in a real browser."""

from __future__ import annotations

import math

import pytest
from playwright.sync_api import Page, expect

TRAINING = [[step, 2.0 - step / 1000] for step in range(100, 1100, 100)]
BY_HEART = """async (curve) => (await import("/learn/page/by_heart.js")).byHeart(curve)"""
SHOW = """async ({ curve, steps }) => {
  const { loadLanguages, translate } = await import("/document/words.js");
  await loadLanguages("/", "en");
  const { MARKUP } = await import("/learn/page/markup.js");
  const { Progress } = await import("/learn/page/progress.js");
  const style = document.createElement("link");
  Object.assign(style, { rel: "stylesheet", href: "/document/style.css" });
  await new Promise((done) => ((style.onload = done), document.head.append(style)));
  document.body.innerHTML = `<div class="char-lstm"><details id="training" open>${MARKUP}</details></div>`;
  translate(document.body);
  const box = document.querySelector(".running");
  box.hidden = false;
  window.progress = new Progress(box);
  const about = { name: "words", chat: null, privateThings: [], parent: null, minutes: 1 };
  progress.start({ about, step: 0, steps, seconds: 0, parameters: 1, characters: 1, curve });
}"""


def curve(*held_out: float, training: list[list[float]] = TRAINING) -> dict[str, list[list[float]]]:
    return {"training": training, "heldOut": [[100 * at, loss] for at, loss in enumerate(held_out, 1)]}


@pytest.mark.parametrize(
    ("given", "step"),
    [
        (curve(), None),
        (curve(2.0), None),
        (curve(2.0, 1.5, 1.0, 1.01, 1.015), None),  # less than 2 %
        (curve(2.0, 1.5, 1.0, 1.05), None),  # measured once
        (curve(2.0, 1.5, 1.0, 1.05, 1.01), None),
        (curve(2.0, 1.5, 1.0, 1.03, 1.05), 300),
        (curve(2.0, 1.0, 1.0, 1.03, 1.05), 300),  # the later one of two weights with one loss is kept
        (curve(2.0, 1.5, 1.0, 1.03, 1.05, 0.9), None),
        (curve(1.0, 1.03, 1.05, training=[[1, 1.0], [100, 1.0], [300, 1.2]]), None),  # both rise
        (curve(1.0, 1.03, 1.05, training=[]), None),
    ],
)
def test_a_network_learns_by_heart_when_its_held_out_loss_has_clearly_risen(
    web_page: Page, given: dict[str, list[list[float]]], step: int | None
) -> None:
    found = web_page.evaluate(BY_HEART, given)
    assert (found and found["step"]) == step
    if found:
        assert [found["lowest"], found["last"]] == [1.0, 1.05]


def test_the_curve_has_true_labels_and_says_when_the_text_is_learned_by_heart(web_page: Page) -> None:
    one = math.log(2)  # bits in nats
    given = curve(4 * one, 2 * one, one, 1.1 * one, 1.2 * one, training=[[1, 4 * one], [300, 2 * one], [500, one]])
    web_page.evaluate(SHOW, {"curve": curve(), "steps": 1000})
    explained = web_page.locator(".explained")
    web_page.evaluate("(curve) => progress.draw(curve)", given)
    for name, text in {
        "highest": "4.00 bits per character",
        "middle": "2.00",
        "lowest": "1.00",
        "last": "step 1,000",
    }.items():
        expect(web_page.locator(f"#training .{name}")).to_have_text(text)
    points = web_page.locator("polyline.held-out").get_attribute("points") or ""
    places = [tuple(map(float, point.split(","))) for point in points.split(" ")]
    assert places[0] == pytest.approx((200 / 3, 5))
    assert places[1][1] == pytest.approx(50)  # the loss of the label in the middle
    best = web_page.locator("#training .curve .best").evaluate(
        "(dot) => [dot.style.left, dot.style.top].map(parseFloat)"
    )
    assert best == pytest.approx(places[2], abs=0.01)  # the lowest loss, whose weights are kept
    expect(explained.get_by_role("status")).to_have_text(
        "It begins to learn your text by heart: the loss on the held-out text has risen from 1.00 to 1.20. "
        "Stop here, or add more text. The weights of step 300, with the lowest loss, are kept."
    )
    web_page.evaluate("progress.step({ step: 10, steps: 1010, loss: null, seconds: 2, characters: 1 })")
    expect(web_page.locator(".figures")).to_contain_text("1:00 left")  # the minute that was chosen, not 3:20
    web_page.evaluate("progress.end()")
    expect(explained.get_by_role("status", include_hidden=True)).to_be_empty()
