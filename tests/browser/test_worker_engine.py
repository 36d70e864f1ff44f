"""The text engine of a visitor's own browser: the text that Python writes, and the numbers of its lenses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Playwright

from model import CharLSTM, generate
from tests.browser.test_static_page import NO_SIMD, PROMPTS, SETTINGS
from tests.support.app_server import random_model
from tests.support.browser_engine import open_engine, request, site, write, write_engine_page
from tests.support.chromium import launch
from tests.support.chromium import serve as serve_folder
from training.hub.space_files import write_static


@pytest.fixture(scope="module")
def lm() -> CharLSTM:
    """Odd sizes, so that rows and columns are padded; it writes markup as readily as anything."""
    return random_model(hidden_size=21)


@pytest.fixture(scope="module")
def url(lm: CharLSTM, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("engine")
    write_static(folder, lm)
    write_engine_page(folder)
    with serve_folder(folder) as url:
        yield url


@pytest.fixture(scope="module")
def old_browser(playwright: Playwright) -> Iterator[Browser]:
    browser = launch(playwright, NO_SIMD)
    yield browser
    browser.close()


@pytest.fixture
def get_fixture(request: pytest.FixtureRequest) -> Callable[[str], Any]:
    """``request.getfixturevalue``; the name ``request`` is that of the engine here."""
    return request.getfixturevalue


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    page = browser.new_page()
    complaints: list[str] = []
    page.on("console", lambda shown: complaints.append(shown.text) if shown.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    open_engine(page, url)
    yield page
    page.close()
    assert not complaints


def starts(lm: CharLSTM, text: str) -> bool:
    """Return whether the model reads its start character before a text."""
    return not lm.tokenizer.in_vocab(text).any()


def test_the_site_describes_the_model(page: Page, lm: CharLSTM) -> None:
    found = site(page)
    [model] = found["models"]
    assert model["vocab"] == list(lm.tokenizer.vocab)
    assert (model["layers"], model["hidden"], model["chat"], model["cells"]) == (2, 21, None, [])
    assert model["examples"] == ["ROMEO:", "First\n"]
    assert [each["id"] for each in model["about"]] == [
        "model.parameters",
        "static.size",
        "model.characters",
        "static.browser",
    ]
    assert model["welcome"] in generate(lm, "", 240, seed=7)
    assert len(model["welcome"]) >= 100
    assert found["title"] == model["name"] == "char-lstm"
    assert page.evaluate("window.parts.at(-1)") == 1


@pytest.mark.parametrize("which", ["browser", "old_browser"])
def test_the_text_is_the_one_that_python_writes(
    get_fixture: Callable[[str], Any], which: str, url: str, lm: CharLSTM
) -> None:
    page = get_fixture(which).new_page()
    open_engine(page, url)
    way = site(page)["models"][0]["about"][-1]["values"]["way"]
    assert way == {"browser": "WebAssembly", "old_browser": "JavaScript"}[which]
    for prompt in PROMPTS:
        for settings in SETTINGS:
            plain = {name: value for name, value in settings.items() if name != "clamps"}
            asked = request(prompt, start=starts(lm, prompt), cells=settings.get("clamps", []), length=150, **plain)
            answer = write(page, asked)
            assert answer["text"] == generate(lm, prompt, 150, unknown="skip", **settings)
            assert answer["end"] == "length"
    page.close()
