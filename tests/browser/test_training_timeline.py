"""The training timeline in a real browser, on wide light and narrow dark displays."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Locator, Page, expect

from model import generate
from tests.browser.driving import button, choose
from tests.support.app_server import App, random_model, serving
from tests.support.training_timelines import checkpoint, run_folder
from ui.registry.registry import ModelRegistry
from ui.routes.training_timeline import LENGTH


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    registry = ModelRegistry([str(run_folder(tmp_path_factory.mktemp("timelines") / "run"))])
    registry.start()
    assert registry.wait(60)
    registry.add("memory", random_model())
    with serving(registry) as app:
        yield app


def fold(page: Page) -> Locator:
    return page.get_by_text("Training timeline", exact=True)


def slider(page: Page) -> Locator:
    return page.get_by_role("slider", name="Training step")


def check_frame(page: Page, step: int, prompt: str = "ROMEO:", seed: int = 7) -> None:
    """Check that the frame of a step is shown: the prompt and the text of its checkpoint."""
    text = prompt + generate(checkpoint(step), prompt, LENGTH, seed=seed)
    region = page.get_by_role("region", name="What it wrote at this step")
    expect(region).to_have_attribute("aria-busy", "false")
    page.wait_for_function("([node, text]) => node.textContent === text", arg=[region.element_handle(), text])


def marker(page: Page) -> tuple[float, float]:
    """Return the position of the marker on the curve, in percent."""
    dot = page.locator("#timeline .dot")
    return tuple(dot.evaluate("node => [parseFloat(node.style.left), parseFloat(node.style.top)]"))


def test_the_timeline_can_be_opened_moved_and_played(page: Page, app: App) -> None:
    expect(fold(page)).to_be_visible()
    expect(slider(page)).to_have_count(0)
    fold(page).click()
    status = page.get_by_role("status").filter(has_text="Step ")
    expect(status).to_have_text("Step 100 · loss 3.100")
    check_frame(page, 100)
    description = "Validation loss over 2,000 steps: 3.10 nats at first, 1.60 at best."
    expect(page.get_by_role("img", name=description)).to_be_visible()
    expect(button(page, "Play")).to_be_visible()  # it does not play by itself

    left, top = marker(page)
    assert (left, top) == pytest.approx((5, 5), abs=0.1)
    slider(page).focus()
    page.keyboard.press("End")
    expect(status).to_have_text("Step 2,000 · loss 1.700")
    check_frame(page, 2000)
    page.keyboard.press("ArrowLeft")
    expect(status).to_have_text("Step 1,000 · loss 1.600 · best")
    expect(slider(page)).to_have_attribute("aria-valuetext", "Step 1,000 · loss 1.600 · best")
    assert marker(page) == pytest.approx((50, 95), abs=0.1)
    check_frame(page, 1000)

    page.get_by_role("textbox", name="Prompt of the timeline").fill("<b>First")
    page.get_by_role("spinbutton", name="Seed of the timeline").fill("8")
    page.keyboard.press("Enter")
    check_frame(page, 1000, "<b>First", 8)
    box = page.locator("#timeline .curve").bounding_box()
    assert box
    page.mouse.click(box["x"] + 0.1 * box["width"], box["y"] + box["height"] / 2)
    expect(status).to_have_text("Step 200 · loss 2.200")
    check_frame(page, 200, "<b>First", 8)

    page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + box["height"] / 2)
    expect(status).to_contain_text("Step 1,000 ")
    button(page, "Play").click()
    expect(status).to_contain_text("Step 2,000 · loss 1.700")
    expect(button(page, "Play")).to_be_visible()
    check_frame(page, 2000, "<b>First", 8)
    button(page, "Play").click()
    expect(status).to_contain_text("Step 100 ")
    button(page, "Pause").click()
    expect(button(page, "Play")).to_be_visible()

    page.get_by_role("spinbutton", name="Seed of the timeline").fill("-1")
    page.keyboard.press("Enter")
    expect(page.locator("#timeline").get_by_role("alert")).to_contain_text("Seed is -1: it must be")
    results = Axe().run(page).response["violations"]
    assert [each["id"] for each in results if each["impact"] in ("serious", "critical")] == []
    choose(page, "memory")
    expect(fold(page)).to_be_hidden()
    choose(page, "run")
    expect(status).to_contain_text("Step 100 ")
    fold(page).click()
    expect(slider(page)).to_have_count(0)
