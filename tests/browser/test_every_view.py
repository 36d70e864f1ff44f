"""Every view of both pages, in two languages: what axe-core finds by WCAG 2.2 AA, and texts without a translation."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page, expect

from tests.browser.driving import NARROW, QUIET, WIDE, Display, button, open_page, window
from tests.browser.test_demonstrations import learned_model
from tests.browser.test_train_page import SIZES
from tests.local_hub import LocalHub
from tests.support.app_server import App, add_model, random_model, serving
from tests.support.chromium import serve
from tests.support.tiny_models import saved_files
from tests.unit.ui.test_messages import placeholders
from training.hub.space_files import write_static
from ui.messages import ENGLISH, LANGUAGES
from ui.registry.registry import ModelRegistry

CASES = [("app", "de", NARROW), ("static", "zh-CN", WIDE)]
LEARNED, TWO = "learned", "ada/two"
# Returns each text and each accessible name on the page, without texts that models write.
TEXTS = """() => {
  const models = ".text, .alternatives b, .char, .costly, #examples, option, style, script";
  const found = [];
  for (const node of document.querySelectorAll(".char-lstm *")) {
    if (node.closest(models)) continue;
    found.push(...[...node.childNodes].filter((each) => each.nodeType === Node.TEXT_NODE).map((each) => each.data));
    for (const name of ["aria-label", "placeholder", "title"]) found.push(node.getAttribute(name) || "");
  }
  return found.map((text) => text.trim());
}"""
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
# Waits for all animations but those that follow a scroll bar and `blink`, which repeats.
_STILL = """() => Promise.allSettled(
  document.getAnimations()
    .filter((each) => each.timeline === document.timeline && each.animationName !== "blink")
    .map((each) => each.finished)
).then(() => null)"""
# Sticky elements cover a part of the controls below them, which axe-core then finds too small.
_STICK = """(style) =>
  document.querySelectorAll(".frame, .log, .shared, #ask").forEach((each) => Object.assign(each.style, style))"""
# The colours of characters take most of its time: tests/unit/web/test_contrast.py has them.
_RUN = """([part, options]) =>
  axe.run({ include: part, exclude: ".text i:not(.unknown, .same)" }, { ...options, resultTypes: ["violations"] })
    .then((found) => found.violations)"""


def violations(page: Page, part: str) -> list[str]:
    """Return a line for each violation of WCAG 2.2 AA in a part of a page, once its animations have ended.

    A whole page takes half a second of the processor.
    """
    page.evaluate(_STILL)
    page.evaluate(_STICK, {"position": "relative", "inset": "auto"})
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found: list[dict[str, Any]] = page.evaluate(_RUN, [part, RULES])
    page.evaluate(_STICK, {"position": "", "inset": ""})
    return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found]


def untranslated(page: Page, language: str) -> set[str]:
    """Return the English texts on a page that have a translation."""
    table = LANGUAGES[language]
    english = {text for id, text in ENGLISH.items() if table[id] != text and not placeholders(text)}
    return english & set(page.evaluate(TEXTS)) - set(table.values())


def misprints(page: Page, language: str) -> set[str]:
    """Return the texts on a page in which a value is missing or a number is not written as the language writes it."""
    wrong = r"\bNaN\b|\bundefined\b|\[object"
    if language == "de":
        wrong += r"|(?<![\d.])\d+\.\d{1,2}(?![\d.])"
    return {text for text in page.evaluate(TEXTS) if re.search(wrong, text)}


@dataclass
class Pages:
    """The addresses of both pages; both have a model with named cells and samples of its training."""

    app: App
    static: App
    hub: str


@pytest.fixture(scope="module")
def pages(module_hub: LocalHub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    folder = tmp_path_factory.mktemp("views")
    module_hub.add_repo(TWO, saved_files(random_model(3), folder / "two"))
    lm = learned_model()
    write_static(folder / "site", replace(lm, training={**lm.training, "corpus": LEARNED}))
    registry = ModelRegistry([TWO])
    registry.start()
    assert registry.settled.wait(60)
    add_model(registry, LEARNED, lm)
    with serving(registry) as app, serve(folder / "site") as url:
        yield Pages(app, App(url, ModelRegistry()), module_hub.url)


@dataclass
class View:
    """One page in one language, which a test leads from view to view.

    Attributes:
        found: what axe found, after the name of the view.
    """

    page: Page
    language: str
    is_static: bool
    found: list[str]

    def check(self, name: str, part: str = "html") -> None:
        """Note what axe finds now in a part of the page, which is what has changed, once nothing moves."""
        self.found += [f"{name}: {text}" for text in violations(self.page, part)]
        self.found += [f"{name}: {text}" for text in misprints(self.page, self.language)]
        self.found += [f"{name}: not translated: {text}" for text in untranslated(self.page, self.language)]
        if self.page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            self.found.append(f"{name}: the page scrolls sideways")

    def press(self, move: str) -> None:
        self.page.evaluate("document.querySelectorAll('.moves details').forEach((each) => (each.open = true))")
        self.page.locator(f'[data-move="{move}"]').click()

    def menu(self, item: str) -> None:
        self.page.locator("#look-inside").click()
        self.page.locator(f"#inside {item}").click()

    def written(self, turns: int) -> None:
        """Wait for the end of the last of so many turns."""
        expect(self.page.locator(".log > .turn")).to_have_count(turns)
        expect(self.page.locator(".turn .moves .footer")).to_be_attached()

    def setting(self, name: str, value: str) -> None:
        self.page.locator(f'[data-setting="{name}"] input[type="number"]').fill(value)

    def lens(self, name: str) -> None:
        self.menu(f'label:has([value="{name}"])')

    def focus_last_character(self) -> None:
        """Wait until the lens shows the last character."""
        self.page.locator(".log").focus()
        self.page.keyboard.press("End")
        expect(self.page.locator('.panel[aria-busy="true"]')).to_have_count(0)


def greeting(view: View) -> None:
    view.page.locator(".welcome i[class*=b]").first.wait_for(state="attached")
    view.page.locator(".log").focus()
    view.page.keyboard.press("Enter")
    expect(view.page.get_by_role("dialog")).to_be_visible()
    view.check("greeting and its alternatives")
    view.page.keyboard.press("Escape")


def conversation(view: View) -> None:
    page, prompt = view.page, view.page.locator("#prompt")
    view.menu("legend")
    view.check("menu")
    page.keyboard.press("Escape")
    page.locator("#open-settings").click()
    page.locator("#more-settings").evaluate("(each) => (each.open = true)")
    view.check("settings")
    if view.is_static is False:
        page.locator("#model").select_option(LEARNED)
    view.setting("length", "30")
    view.setting("speed", "200")
    page.locator("#seed").fill("1.5")
    prompt.fill("ROMEO:漢")
    prompt.press("Enter")
    expect(page.locator(".log .refusal")).to_be_visible()
    view.check("refusal", ".log")
    page.locator("#seed").fill("")
    page.locator("#settings > .close").click()
    prompt.press("Enter")
    view.written(1)
    view.press("retry")
    expect(page.locator(".branches")).to_be_visible()
    view.written(1)
    view.press("share")
    expect(page.locator("#share-link")).to_be_visible()
    view.check("conversation with branches, and its link")
    view.page.keyboard.press("Escape")


def lenses(view: View) -> None:
    page = view.page
    page.locator(".log").focus()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.locator(".alternatives .why summary").click()
    expect(page.locator(".alternatives .left-out i").first).to_be_visible()
    view.check("a letter and its details", ".pane")
    page.locator(".alternatives .close").click()
    view.lens("memory")
    view.focus_last_character()
    page.locator(".panel .hold label").nth(1).click()
    expect(page.locator(".held-cells li")).to_have_count(1)
    expect(page.locator('[data-move="keep_new"]')).to_be_visible()
    view.check("what it remembers, a cell held", ".pane")
    page.locator(".other-cells > summary").click()
    expect(page.locator(".panel canvas")).to_be_visible()
    view.check("other cells", ".pane")
    page.locator(".held-cells li button").click()
    page.locator(".held-cells li").first.wait_for(state="detached")
    view.lens("step")
    view.focus_last_character()
    expect(page.locator(".panel .stages > li")).to_have_count(3)
    page.locator(".panel .network summary").click()
    view.check("one letter at a time", ".frame")
    view.lens("plain")


def demonstrations(view: View) -> None:
    page = view.page
    for name in ("lines", "bolder", "learn"):
        view.menu(f'[data-demonstration="{name}"]')
        expect(page.locator("#stage .result.done" if name != "learn" else "#stage .now")).to_be_visible()
        if name == "learn":
            page.locator("#stage .player button").click()
        view.check(f"demonstration {name}", "#stage")
        page.keyboard.press("Escape")
    view.menu("#begin-tour button")
    for number in (1, 2):
        expect(page.locator("#tour .count")).to_contain_text(str(number))
        view.check(f"tour {number}", "#tour")
        page.locator("#tour .next").click()
    page.keyboard.press("Escape")
    expect(page.locator("#tour")).to_be_hidden()
    page.wait_for_function("() => !history.state?.['char-lstm/covered']")  # closing it goes back by one entry


def panels(view: View) -> None:
    page = view.page
    page.locator("#new-conversation").click()
    page.locator("#history summary").click()
    expect(page.locator("#history li").first).to_be_visible()
    view.check("history", "#history")
    page.locator("#history summary").click()


def blend(view: View) -> None:
    page, second = view.page, view.page.locator("#second-model")
    page.locator("#open-settings").click()
    if view.is_static:
        second.select_option("other")
        page.locator(".other-model").fill(TWO)
        page.keyboard.press("Enter")
    second.locator(f'option[value="blended {TWO}"]').wait_for(state="attached")
    second.select_option(f"blended {TWO}")
    view.check("two models that are blended", "#settings")


def training(view: View) -> None:
    panel = view.page.locator("#training")
    view.page.locator("#menu .train:visible, #training > summary:visible").first.click()
    panel.locator("textarea").first.fill("The cat sat on the mat of jane.roe@posteo.de.\n" * 300)
    expect(panel.locator(".start")).to_be_enabled()
    view.check("train on your text", "#training")
    view.page.evaluate(SIZES, {"workers": 1, "speed": 2000, "seed": 5})
    panel.locator(".start").click()
    expect(panel.locator(".written .text")).not_to_be_empty()
    panel.locator(".pause").click()
    view.check("a training", "#training")
    panel.locator(".stop").click()
    expect(panel.locator(".trained li").first).to_be_visible()
    panel.locator(".publish").locator("visible=true").first.click()
    expect(panel.locator(".publishing form")).to_be_visible()
    view.check("a trained model and the form that publishes it", "#training")


# The pages share their lenses, their demonstrations and the tour.
PARTS: dict[str, tuple[Callable[[View], None], ...]] = {
    "app": (greeting, conversation, panels),
    "static": (greeting, conversation, lenses, demonstrations, panels, blend, training),
}


@pytest.mark.parametrize(("kind", "language", "display"), CASES, ids=["app", "static"])
def test_no_view_has_a_barrier(pages: Pages, browser: Browser, kind: str, language: str, display: Display) -> None:
    texts = LANGUAGES[language]
    context = browser.new_context(locale=language, has_touch=display == NARROW, **window(display), **QUIET)
    served = pages.app if kind == "app" else pages.static
    page, complaints = open_page(context, served, log=texts["page.conversation"], hub=pages.hub)
    expect(button(page, texts["move.send"])).to_be_enabled()
    view = View(page, language, kind == "static", [])
    for part in PARTS[kind]:
        part(view)
    assert view.found == []
    assert not complaints
    context.close()
