"""The page in the language of the browser, or in English; test_every_view.py looks for texts without a translation."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.driving import QUIET, open_page
from tests.support.app_server import App, random_model, serving
from tests.support.page_texts import placeholders
from ui.messages import ENGLISH, LANGUAGES

DECIMAL = {"en": ".", "zh-CN": ".", "zh-TW": ".", "de": ","}
# Returns each text and each accessible name on the page, without texts that models write.
TEXTS = """(root) => {
  const models = ".text, .alternatives b, .char, .costly, #examples, option, style, script";
  const found = [];
  for (const node of document.querySelectorAll(root)) {
    if (node.closest(models)) continue;
    found.push(...[...node.childNodes].filter((each) => each.nodeType === Node.TEXT_NODE).map((each) => each.data));
    for (const name of ["aria-label", "placeholder", "title"]) found.push(node.getAttribute(name) || "");
  }
  return found.map((text) => text.trim());
}"""


def untranslated(page: Page, language: str, root: str = ".char-lstm *") -> set[str]:
    """Return the English texts on a page that have a translation."""
    table = LANGUAGES[language]
    english = {text for id, text in ENGLISH.items() if table[id] != text and not placeholders(text)}
    return english & set(page.evaluate(TEXTS, root)) - set(table.values())


def misprints(page: Page, language: str, root: str = ".char-lstm *") -> set[str]:
    """Return the texts on a page in which a value is missing or a number is not written as the language writes it."""
    wrong = r"\bNaN\b|\bundefined\b|\[object" + (
        r"|(?<![\d.])\d+\.\d{1,2}(?![\d.])" if DECIMAL[language] == "," else ""
    )
    return {text for text in page.evaluate(TEXTS, root) if re.search(wrong, text)}


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    with serving({"random": random_model()}) as app:
        yield app


@pytest.mark.parametrize(("locale", "language"), [("zh-HK", "zh-TW"), ("ja-JP", "en")])
def test_a_browser_gets_the_nearest_language_or_english(app: App, browser: Browser, locale: str, language: str) -> None:
    context = browser.new_context(locale=locale, **QUIET)
    texts = LANGUAGES[language]
    page, complaints = open_page(context, app, log=texts["page.conversation"], send=texts["move.send"])
    assert page.evaluate("document.documentElement.lang") == language
    expect(page.locator("#intro")).to_contain_text(texts["site.greeting"])
    page.evaluate("document.documentElement.lang = 'fr'")  # as a browser does that translates the page
    page.locator("label", has_text=texts["lens.memory"]).click()
    expect(page.get_by_role("region", name=texts["lens.panel"].format(name=texts["lens.memory"]))).to_be_visible()
    assert not complaints
    context.close()
