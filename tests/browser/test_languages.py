"""Both pages in the language of the browser, on wide light and narrow dark displays; without a table in English."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.axe import violations
from tests.browser.driving import NARROW, WIDE, button, open_page, open_settings
from tests.support.app_server import App, random_model, serving
from tests.support.chromium import serve
from tests.support.page_texts import placeholders
from tests.support.training_timelines import run_folder
from training.hub.space_files import write_static
from ui.messages import ENGLISH, LANGUAGES, Message, best_language
from ui.registry.registry import ModelRegistry

LOCALES = {"zh-CN": "zh-CN", "de-DE": "de"}  # the locale of a browser, and the language of the page
DECIMAL = {"en": ".", "zh-CN": ".", "zh-TW": ".", "de": ","}
# Returns each text and each accessible name on the page, without texts that models write.
TEXTS = """(root) => {
  const models = ".text, .tree, .branches p, .alternatives b, .char, .costly, #examples, option, style, script";
  const found = [];
  for (const node of document.querySelectorAll(root)) {
    if (node.closest(models)) continue;
    found.push(...[...node.childNodes].filter((each) => each.nodeType === Node.TEXT_NODE).map((each) => each.data));
    for (const name of ["aria-label", "placeholder", "title"]) found.push(node.getAttribute(name) || "");
  }
  return found.map((text) => text.trim());
}"""


def untranslated(page: Page, language: str, root: str = "gradio-app *") -> set[str]:
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
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    registry = ModelRegistry([str(run_folder(tmp_path_factory.mktemp("languages") / "run"))])
    registry.start()
    assert registry.wait(60)
    registry.add("random", random_model())
    with serving(registry) as app:
        yield app


@pytest.fixture(scope="module")
def static(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("static")
    write_static(folder, random_model())
    with serve(folder) as url:
        yield url


def look_through(page: Page, texts: dict[str, str], lens: str) -> None:
    """Choose a lens and a character, so that the panel shows all that it can."""
    page.get_by_role("group", name=texts["lens.group"]).get_by_text(texts[f"lens.{lens}"], exact=True).click()
    page.locator(".log .reply i:visible").nth(9).click()  # a combining accent without a letter has no width
    if lens == "step":
        page.get_by_text(texts["step.network"]).click()
    expect(page.locator(".panel b.char").first).to_be_visible()


@pytest.mark.parametrize(("locale", "display"), [("zh-CN", WIDE), ("de-DE", NARROW)], ids=["zh-CN", "de-DE"])
def test_the_page_is_in_the_language_of_the_browser(
    app: App, browser: Browser, locale: str, display: tuple[int, int, str]
) -> None:
    width, height, scheme = display
    language = LOCALES[locale]
    texts = LANGUAGES[language]
    viewport = {"width": width, "height": height}
    context = browser.new_context(viewport=viewport, color_scheme=scheme, locale=locale)  # type: ignore[arg-type]
    page, complaints = open_page(context, app, log=texts["page.conversation"], send=texts["move.send"])
    log = page.get_by_role("log", name=texts["page.conversation"], exact=True)
    for setting in ("temperature", "length", "speed", "top_k"):
        expect(page.get_by_role("slider", name=texts[f"setting.{setting}"], exact=True)).to_be_visible()
    expect(page.get_by_role("combobox", name=texts["setting.model"], exact=True)).to_be_visible()
    expect(log).to_contain_text(texts["page.hello"])
    expect(page.locator("#intro")).to_contain_text(texts["site.greeting"])
    expect(page.locator("#about")).to_contain_text(texts["model.device"].replace("{device}", "CPU"))
    page.get_by_role("spinbutton", name=texts["setting.length"]).fill("30")
    page.get_by_role("spinbutton", name=texts["setting.speed"]).fill("200")
    page.get_by_role("combobox", name=texts["second.choice"]).locator('option[value="model random"]').wait_for(
        state="attached"
    )
    ways = page.get_by_role("combobox", name=texts["second.how"]).locator("option").all_inner_texts()
    assert ways == [texts["second.beside"], texts["second.blended"]]

    page.get_by_role("textbox", name=texts["page.prompt"], exact=True).fill("First 嗯")
    page.keyboard.press("Enter")
    expect(log.locator(".footer")).to_contain_text(f" · {texts['ending.length']} · ")
    for move in ("send", "stop", "continue", "retry", "undo", "clear", "share"):
        expect(button(page, texts[f"move.{move}"])).to_be_visible()
    expect(log.locator(".notice")).to_contain_text(texts["notice.unknown"].partition("{")[0])
    expect(log.locator(".text")).to_have_attribute("lang", "")  # the model may write another language than the page's
    button(page, texts["move.retry"]).click()
    expect(log.locator(".footer")).to_contain_text(texts["ending.length"])
    button(page, texts["move.share"]).click()
    expect(page.get_by_role("textbox", name=texts["share.link"])).to_be_visible()
    for lens in ("surprise", "memory", "step"):
        look_through(page, texts, lens)
        assert untranslated(page, language) == set()
    page.get_by_text(texts["timeline.title"]).click()
    expect(
        page.get_by_role("status").filter(has_text=texts["timeline.step"].replace("{step, number}", "100"))
    ).to_be_visible()
    page.get_by_role("spinbutton", name=texts["setting.seed"], exact=True).fill("1.5")
    button(page, texts["move.send"]).click()
    expect(log.locator(".refusal")).to_contain_text(texts["refusal.value"].partition("{value}")[2].partition("{")[0])
    assert untranslated(page, language) == set()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"

    page.evaluate("document.documentElement.lang = 'en'")  # Gradio's settings menu does this
    expect(page.get_by_role("group", name=ENGLISH["lens.group"])).to_be_visible()
    expect(page.locator("#about")).to_contain_text("parameters")
    expect(page.get_by_text(ENGLISH["timeline.title"])).to_be_visible()
    page.evaluate("lang => document.documentElement.lang = lang", language)
    expect(page.get_by_text(texts["timeline.title"])).to_be_visible()
    assert not complaints
    context.close()


@pytest.mark.parametrize(("locale", "language"), [("zh-HK", "zh-TW"), ("de-AT", "de"), ("ja-JP", "en")])
def test_a_browser_gets_the_nearest_language_or_english(app: App, browser: Browser, locale: str, language: str) -> None:
    context = browser.new_context(locale=locale)
    texts = LANGUAGES[language]
    page, complaints = open_page(context, app, log=texts["page.conversation"], send=texts["move.send"])
    assert page.evaluate("document.documentElement.lang") == language
    assert not complaints
    context.close()


def test_the_browser_renders_each_message_as_the_server_does(static: str, browser: Browser) -> None:
    page = browser.new_page(locale="en-US")
    page.goto(static)
    expect(button(page, "Send")).to_be_enabled()
    reasons: list[str | Message] = [Message("difference.changed"), "x"]
    messages = []
    for id, text in ENGLISH.items():
        for count in (1, 1234):
            counted = {name for name in placeholders(text) if re.search(rf"{{{name}, (number|short|plural)", text)}
            listed = {name for name in placeholders(text) if f"{{{name}, list" in text}
            values = {
                name: count if name in counted else reasons if name in listed else "a {b}"
                for name in placeholders(text)
            }
            messages.append(Message(id, **values))
    script = """async (messages) => {
      const { render } = await import('./document/words.js');
      return messages.map((each) => render(each));
    }"""
    assert page.evaluate(script, [message.as_json() for message in messages]) == [str(message) for message in messages]
    page.close()


@pytest.mark.parametrize(("locale", "display"), [("de-AT", WIDE), ("zh-TW", NARROW)], ids=["de-AT", "zh-TW"])
def test_the_static_page_is_in_the_language_of_the_browser(
    static: str, browser: Browser, locale: str, display: tuple[int, int, str]
) -> None:
    width, height, scheme = display
    language = best_language(locale)
    texts = LANGUAGES[language]
    viewport = {"width": width, "height": height}
    context = browser.new_context(viewport=viewport, color_scheme=scheme, locale=locale)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{static}?prompt=ab漢&seed=7&length=40&speed=200")
    log = page.get_by_role("log", name=texts["page.conversation"], exact=True)
    expect(log.locator(".footer")).to_contain_text(texts["ending.length"])
    expect(log.locator(".notice")).to_contain_text(texts["notice.unknown"].partition("{")[0])
    expect(log.locator(".text")).to_have_attribute("lang", "")
    for move in ("send", "stop", "continue", "retry", "copy", "clear"):
        expect(button(page, texts[f"move.{move}"])).to_be_visible()
    open_settings(page)
    temperature = page.get_by_role("slider", name=texts["setting.temperature"], exact=True)
    expect(temperature).to_have_attribute("aria-valuetext", re.compile("^0[.,]8$"))
    expect(page.locator("#about")).to_contain_text(texts["static.browser"].partition("{")[0])
    page.get_by_role("spinbutton", name=texts["setting.seed"], exact=True).fill("1.5")
    page.get_by_role("textbox", name=texts["page.prompt"]).fill("a")
    page.keyboard.press("Enter")
    expect(log.locator(".refusal")).to_contain_text(texts["refusal.value"].partition("{value}")[2].partition("{")[0])
    page.locator('[data-demonstration="bolder"]').click()
    shown = {"calm": "0.3", "normal": "0.8", "wild": "1.5"}
    titles = [
        texts[f"demo.bolder.{name}"].replace("{temperature, number}", value.replace(".", DECIMAL[language]))
        for name, value in shown.items()
    ]
    expect(page.locator("#stage h3")).to_have_text(titles)
    assert page.evaluate("document.documentElement.lang") == language
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"
    assert untranslated(page, language, "#page *") == set()
    assert misprints(page, language, "#page *") == set()
    context.close()
