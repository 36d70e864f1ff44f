"""The static page's text against Python's: 100 seeds × 1,000 characters of the bundled model, and 10 without SIMD."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from model import PRETRAINED, CharLSTM, Engine, SamplingParams
from tests.support.browser_engine import write_all
from tests.support.chromium import NO_SIMD, launch, serve
from training.hub.space_files import write_static

LENGTH = 1000


@pytest.mark.parametrize(("flags", "seeds"), [([], 100), ([NO_SIMD], 10)], ids=["simd", "plain"])
def test_every_character_equals_that_of_python(tmp_path: Path, flags: list[str], seeds: int) -> None:
    lm = CharLSTM.from_pretrained(PRETRAINED)
    engine = Engine(lm, max_slots=seeds, max_slots_per_client=seeds)
    replies = [engine.add_request("ROMEO:", SamplingParams(seed=seed, length=LENGTH)) for seed in range(seeds)]
    while not all(reply.finished for reply in replies):
        engine.step()
    write_static(tmp_path, lm)
    with serve(tmp_path) as url, sync_playwright() as playwright:
        browser = launch(playwright, *flags)
        page = browser.new_page()
        page.goto(url)
        way, texts = write_all(page, LENGTH, [{"prompt": "ROMEO:", "seed": seed} for seed in range(seeds)])
        browser.close()
    assert way == ("JavaScript" if flags else "WebAssembly")
    assert texts == [reply.text for reply in replies]
    assert sum(map(len, texts)) == seeds * LENGTH
