"""The static page's text against Python's: 100 seeds × 1,000 characters of the bundled model."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import sync_playwright

from model import PRETRAINED, CharLSTM, Engine, SamplingParams
from tests.support.browser_engine import write_all
from tests.support.chromium import launch, serve
from training.hub.space_files import write_static

SEEDS, LENGTH = 100, 1000


def test_every_character_equals_that_of_python(tmp_path: Path) -> None:
    lm = CharLSTM.from_pretrained(PRETRAINED)
    engine = Engine(lm, max_slots=SEEDS, max_slots_per_client=SEEDS)
    replies = [engine.add_request("ROMEO:", SamplingParams(seed=seed, length=LENGTH)) for seed in range(SEEDS)]
    while not all(reply.finished for reply in replies):
        engine.step()
    write_static(tmp_path, lm)
    with serve(tmp_path) as url, sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_page()
        page.goto(url)
        texts = write_all(page, LENGTH, [{"prompt": "ROMEO:", "seed": seed} for seed in range(SEEDS)])
        browser.close()
    assert texts == [reply.text for reply in replies]
    assert sum(map(len, texts)) == SEEDS * LENGTH
