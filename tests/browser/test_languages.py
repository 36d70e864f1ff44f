"""The page in Chinese for who reads it, in a real browser: wide and narrow, light and dark. All others read English."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.driving import LOOKS, button, open_page
from tests.browser.test_lenses import barriers
from tests.support.app_server import App, random_model, serving
from tests.support.chromium import serve
from tests.support.page_texts import CHINESE, ROOT, plain, refusals
from tests.support.training_timelines import run_folder
from training.hub.space_files import write_static
from ui.registry.registry import ModelRegistry

# What is refused to programs only.
_TO_PROGRAMS = {
    "a question must be JSON",
    "a question must be a JSON object",
    "{} must be a whole number from 0 on",
    "{} must be a layer and a number, each from 0 on",
}
# Of all that stands on the page, what nobody has put into Chinese: a model's words, code and names left out.
_ENGLISH = """() => {
  const models = ".text, .tree, .branches p, .rewind b, .char, .costly, #examples";
  const others = `${models}, .line-of-code, .arrow, style, script, h1`;
  const found = [];
  for (const node of document.querySelectorAll("gradio-app *")) {
    if (node.closest(others)) continue;
    const texts = [...node.childNodes].filter((each) => each.nodeType === Node.TEXT_NODE).map((each) => each.data);
    for (const name of ["aria-label", "placeholder", "title"]) texts.push(node.getAttribute(name) || "");
    found.push(...texts.filter((text) => /[A-Za-z]{3}/.test(text) && !/[\\u4e00-\\u9fff]/.test(text)));
  }
  return found;
}"""
NAMES = {
    "random",
    "run",
    "tanh",
    "Top-k",
    "Top-p",
    "Min-p",
    "Gradio footer navigation",
    "Stop Recording ",
}  # the last two are Gradio's


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    registry = ModelRegistry([str(run_folder(tmp_path_factory.mktemp("words") / "run"))])
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


@pytest.fixture(params=LOOKS, ids=lambda look: f"{look[0]}-{look[2]}")
def page(request: pytest.FixtureRequest, app: App, browser: Browser) -> Iterator[Page]:
    width, height, scheme = request.param
    viewport = {"width": width, "height": height}
    context = browser.new_context(viewport=viewport, color_scheme=scheme, locale="zh-CN")  # type: ignore[arg-type]
    page, complaints = open_page(context, app, log="对话", send="发送")
    yield page
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"
    assert page.evaluate("document.documentElement.lang") == "zh-CN"
    assert not complaints
    context.close()


def test_the_page_is_in_chinese(page: Page) -> None:
    log = page.get_by_role("log", name="对话", exact=True)
    for name in ("发送", "停止", "继续", "重试", "撤销", "清空", "分享"):
        expect(button(page, name)).to_be_visible()
    for name in ("温度", "长度", "速度", "Top-k"):
        expect(page.get_by_role("slider", name=name, exact=True)).to_be_visible()
    expect(page.get_by_role("combobox", name="模型", exact=True)).to_be_visible()
    expect(log).to_contain_text("这是它凭空写下的一段：")
    expect(page.locator("#intro")).to_contain_text("一个逐字符读过一部文本的 LSTM")
    expect(page.locator("#about")).to_contain_text(re.compile(r"参数 · 2 层，每层 \d+ 个单元"))
    page.get_by_role("spinbutton", name="长度").fill("30")
    page.get_by_role("spinbutton", name="速度").fill("200")
    page.get_by_role("combobox", name="另一个模型").click()
    expect(page.get_by_role("option", name="random, 并排对照")).to_be_visible()
    page.keyboard.press("Escape")

    page.get_by_role("textbox", name="开头", exact=True).fill("First 嗯")
    page.keyboard.press("Enter")
    expect(log.locator(".foot")).to_have_text(re.compile(r"^种子 \d+ · 30 个字符 · 每秒 [\d,]+ 个 · 已达设定长度$"))
    expect(log.locator(".notice")).to_contain_text("这个模型不认识 ")
    expect(log.locator(".text")).to_have_attribute("lang", "")  # nothing says that a model writes the page's language
    button(page, "重试").click()
    expect(log.locator(".foot")).to_contain_text("撤销可恢复原来的内容")
    button(page, "分享").click()
    expect(page.get_by_role("textbox", name="这段文本的链接")).to_be_visible()
    for lens in ("意外程度", "记忆", "单步"):
        page.get_by_role("group", name="文本透镜").get_by_text(lens).click()
        log.locator(".reply i:visible").nth(9).click()  # an accent that nothing stands under has no width
        expect(page.locator(".panel b.char").first).to_be_visible()
        assert set(page.evaluate(_ENGLISH)) - NAMES == set()
    page.get_by_text("看它学习").click()
    expect(page.get_by_role("status").filter(has_text=re.compile(r"^第 100 步 · 每字符"))).to_be_visible()
    page.get_by_role("spinbutton", name="随机种子").fill("1.5")
    button(page, "发送").click()
    expect(log.locator(".refusal")).to_have_text("随机种子为 1.5：必须是 0 到 4,294,967,295 之间的整数")
    assert set(page.evaluate(_ENGLISH)) - NAMES == set()
    assert barriers(page) == []

    page.evaluate("document.documentElement.lang = 'en'")  # as Gradio does, whose settings offer other languages
    expect(page.get_by_role("group", name="Lens over the text")).to_be_visible()
    expect(page.locator("#about")).to_contain_text("parameters")
    expect(page.get_by_text("Watch it learn")).to_be_visible()
    page.evaluate("document.documentElement.lang = 'zh-CN'")
    expect(page.get_by_text("看它学习")).to_be_visible()
    expect(page.locator("#about")).to_contain_text("参数")


@pytest.mark.parametrize(("locale", "language"), [("zh-HK", "zh-CN"), ("de-DE", "en")])
def test_all_chinese_is_one_and_all_else_is_english(app: App, browser: Browser, locale: str, language: str) -> None:
    context = browser.new_context(locale=locale)
    names = {"log": "对话", "send": "发送"} if language == "zh-CN" else {}
    page, complaints = open_page(context, app, **names)
    assert page.evaluate("document.documentElement.lang") == language
    assert not complaints
    context.close()


def test_each_refusal_is_known_again_and_what_is_not_known_stays(browser: Browser) -> None:
    said = {
        text for path in (ROOT / "ui").rglob("*.py") for text in refusals(str(path.relative_to(ROOT)))
    } - _TO_PROGRAMS
    assert len(said) > 30
    page = browser.new_page()
    page.set_content('<html lang="zh-CN"></html>')
    page.add_script_tag(path=ROOT / "web" / "words.js")
    page.evaluate("learn", CHINESE)
    found = {text: page.evaluate("heard", plain(text).replace("{}", "Seed", 1).replace("{}", "7")) for text in said}
    assert {text for text, told in found.items() if not re.search("[\u4e00-\u9fff]", told)} == set()
    for text in ("ROMEO: I am here; and there, my love. Say so", "7 · 8", "Say.", ""):
        assert page.evaluate("heard", text) == text
    assert page.evaluate("heard", "a hand on cell 3 of layer 0 up, cell 4 of layer 1 at -0.5") == (
        "固定了第 0 层 3 号单元为高、第 1 层 4 号单元为 -0.5"
    )
    page.close()


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: f"{look[0]}-{look[2]}")
def test_the_page_in_the_browser_is_in_chinese(static: str, browser: Browser, look: tuple[int, int, str]) -> None:
    width, height, scheme = look
    viewport = {"width": width, "height": height}
    context = browser.new_context(viewport=viewport, color_scheme=scheme, locale="zh-TW")  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{static}?prompt=ab漢&seed=7&length=40&speed=200")
    log = page.get_by_role("log", name="对话", exact=True)
    expect(log.locator(".foot")).to_have_text(
        re.compile(r"^种子 7 · 40 个字符 · (每秒 [\d,]+ 个 · )?已达设定长度 · 它不认识 漢：已跳过$")
    )
    expect(log.locator(".text")).to_have_attribute("lang", "")
    for name in ("发送", "停止", "继续", "重试", "复制", "清空"):
        expect(button(page, name)).to_be_visible()
    if width < 768:
        page.get_by_text("设置", exact=True).click()
    expect(page.get_by_role("slider", name="温度", exact=True)).to_have_attribute("aria-valuetext", "0.8")
    expect(page.locator("#about")).to_contain_text(re.compile(r"运行于此浏览器（\w+）"))
    page.get_by_role("textbox", name="随机种子").fill("x")
    page.get_by_role("textbox", name="开头").fill("a")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("随机种子为 x：必须是 0 到 4,294,967,295 之间的整数")
    assert page.evaluate("document.documentElement.lang") == "zh-CN"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"
    english = page.evaluate(_ENGLISH.replace("gradio-app *", "main *, aside *, header *"))
    assert set(english) <= {"Top-k", "Top-p", "Min-p", "python -m http.server", "ROMEO:"}
    context.close()
