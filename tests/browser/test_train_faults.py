"""What goes wrong in a training in the browser: each fault is reported in one line, and nothing is lost."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Dialog, Page, Playwright, expect

from model import CharLSTM
from tests.browser.driving import button, complaints_of, reply, send, setting, turns
from tests.browser.test_static_page import NO_SIMD
from tests.browser.test_train_page import (
    NAME,
    SHOWN,
    TEXT,
    Make,
    begin,
    downloaded,
    ended,
    expected,
    files_of,
    give,
    panel,
    start,
    url,
    visitor,
)
from tests.support.app_server import random_model, serving
from tests.support.chromium import launch, serve
from tests.support.tiny_models import tiny_model
from training.hub.space_files import write_static
from ui.registry.registry import ModelRegistry

__all__ = ["downloaded", "expected", "url", "visitor"]  # fixtures


def edit(folder: Path, name: str, old: str, new: str) -> Callable[[], None]:
    """Change a file of a page; returns what restores it."""
    path = folder / name
    before = path.read_text(encoding="utf-8")
    assert old in before
    path.write_text(before.replace(old, new), encoding="utf-8")

    def restore() -> None:
        path.write_text(before, encoding="utf-8")

    return restore


def fault(page: Page) -> Any:
    return panel(page).get_by_role("alert")


def test_a_loss_that_is_not_finite_ends_the_training_and_the_best_weights_are_kept(
    visitor: Make, tmp_path: Path
) -> None:
    write_static(tmp_path / "site", tiny_model())
    edit(tmp_path / "site", "learn/recipe.js", "const rising=", "if (step === 40) return Infinity;const rising=")
    with serve(tmp_path / "site") as url:
        page = visitor(url).open()
        give(page)
        start(page)
        expect(ended(page)).to_contain_text("The loss became infinite after step 4")
        (tmp_path / "model").mkdir()
        for name, content in files_of(page).items():
            (tmp_path / "model" / name).write_bytes(content)
        assert CharLSTM.from_pretrained(tmp_path / "model").training["val_loss"] < 2


@pytest.mark.parametrize(
    ("dies", "said"),
    [('throw new Error("out of memory")', "Uncaught Error: out of memory"), ("return close()", "no step in a minute")],
    ids=["with an error", "silently"],
)
def test_after_the_death_of_a_worker_the_training_continues(
    visitor: Make, expected: dict[str, bytes], tmp_path: Path, dies: str, said: str
) -> None:
    write_static(tmp_path, tiny_model())
    if dies == "return close()":
        edit(tmp_path, "learn/run.js", "TICK_MS=5000", "TICK_MS = 1000")
    died = f"if (this.step === 30) {dies};\n      const taken ="
    restore = edit(tmp_path, "learn/worker.js", "const taken=", died)
    with serve(tmp_path) as url:
        page = visitor(url).open()
        give(page)
        start(page)
        expect(fault(page)).to_contain_text(f"A training worker ended ({said})")
        restore()
        start(page, "Continue your training")
        ended(page)
        assert files_of(page)["model.safetensors"] == expected["model.safetensors"]


def test_without_room_in_the_storage_the_model_writes_until_the_page_is_closed(visitor: Make) -> None:
    visits = visitor()
    page = visits.open()
    give(page)
    session = page.context.new_cdp_session(page)
    session.send("Storage.overrideQuotaForOrigin", {"origin": visits.url.rstrip("/"), "quotaSize": 1})
    start(page)
    expect(fault(page)).to_contain_text("cannot be continued after a reload: this browser has no room left for it")
    ended(page)
    expect(fault(page)).to_contain_text("The model is lost when you close this page: this browser has no room left")
    setting(page, "Length", 40)
    setting(page, "Speed", 200)
    send(page, "the c")
    expect(page.get_by_role("combobox", name="Model", exact=True)).to_have_value(NAME)
    assert set(reply(page)) <= set(TEXT)


def test_a_browser_without_simd_says_so(playwright: Playwright, url: str) -> None:
    browser = launch(playwright, NO_SIMD)
    page = browser.new_page(locale="en-US")
    page.goto(url)
    page.get_by_role("link", name="Train on your text").click()
    expect(panel(page).locator("summary").first).to_be_focused()
    expect(fault(page)).to_contain_text("This browser cannot train: it has no WebAssembly SIMD")
    expect(button(page, "Pick a file")).to_be_hidden()
    browser.close()


def test_a_stored_training_is_not_replaced_unasked(visitor: Make) -> None:
    page = visitor().open()
    give(page)
    start(page)
    button(page, "Pause").click()
    page.reload()
    kept = panel(page).locator(".kept")
    expect(kept).to_contain_text("This browser has stored your training")
    begin(page)
    give(page)
    asked: list[str] = []

    def dismiss(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.dismiss()

    page.once("dialog", dismiss)
    button(page, "Start training").click()
    expect(kept).to_be_visible()
    assert asked == ["Discard the stored training and start a new one?"]
    button(page, "Discard it").click()
    expect(kept).to_be_hidden()
    page.reload()
    expect(button(page, "Send")).to_be_enabled()
    expect(panel(page)).not_to_have_attribute("open", "")


def test_one_tab_trains_at_a_time(visitor: Make) -> None:
    visits = visitor()
    first, second = visits.open(speed=20_000), visits.open()
    give(first)
    start(first)
    give(second)
    button(second, "Start training").click()
    expect(fault(second)).to_contain_text("Another tab of this page is training")
    button(first, "Stop and keep the model").click()
    expect(ended(first)).to_contain_text("Stopped after")
    expect(panel(first)).not_to_contain_text(re.compile(r"\d left"))
    expect(panel(first).get_by_role("progressbar", name="Stopped at step")).to_be_visible()
    expect(panel(first).get_by_role("group", name="What you can do now").get_by_role("button")).to_have_text(
        ["Write with it", "Train it on", "Download", "Publish"]
    )
    expect(button(first, "Start a new training")).to_be_visible()
    expect(first.get_by_role("textbox", name="Prompt")).to_be_focused()
    button(first, "Train it on").click()
    expect(button(first, "Pause")).to_be_enabled()
    button(first, "Stop and keep the model").click()
    expect(ended(first)).to_contain_text(f"The page now writes with your network “{SHOWN}-2”, as it was at step")
    expect(first.get_by_role("combobox", name="Model", exact=True)).to_have_value(f"{NAME}-2")
    expect(first.locator("#about")).to_contain_text(f"It has read your text, after the training of {SHOWN} · ")
    expect(panel(first).locator("[value=scratch]")).to_be_checked()
    start(second)
    ended(second)


def test_a_model_is_downloaded_opened_and_deleted(visitor: Make, expected: dict[str, bytes], tmp_path: Path) -> None:
    page = visitor().open()
    give(page)
    start(page)
    ended(page)
    with page.expect_download() as waiting:
        button(page, "Download").click()  # of the result, whose buttons the list does not repeat
    waiting.value.save_as(tmp_path / "other name.zip")
    setting(page, "Length", 20)
    setting(page, "Speed", 200)
    send(page, "the c")
    written = reply(page)
    page.on("dialog", lambda dialog: dialog.accept())
    button(page, f"Delete {SHOWN}").click()
    expect(panel(page).locator(".trained li")).to_have_count(0)
    page.reload()
    expect(turns(page).locator(".prompt")).to_have_text("the c")
    expect(turns(page).locator(".reply")).to_have_text(written, use_inner_text=False)
    with page.expect_file_chooser() as choosing:
        page.locator("#settings").get_by_role("button", name="Open a model (.zip)").click()
    choosing.value.set_files(tmp_path / "other name.zip")
    expect(panel(page).locator(".said")).to_contain_text("This page now writes with other-name.")
    assert files_of(page, "local/other-name")["model.safetensors"] == expected["model.safetensors"]
    panel(page).locator(".model-file").set_input_files(
        {"name": "a.zip", "mimeType": "application/zip", "buffer": b"PK\3\4"}
    )
    expect(fault(page)).not_to_be_empty()


def test_the_panel_names_the_model_in_use_and_leads_back_to_the_first_one(visitor: Make) -> None:
    page = visitor().open()
    model, said = page.get_by_role("combobox", name="Model", exact=True), panel(page).locator(".said")
    next_steps, parent = page.get_by_role("group", name="What you can do now"), panel(page).locator(".parent")
    first, stored = model.input_value(), panel(page).locator(".trained li")
    expect(panel(page).locator(".back-to-first")).to_be_hidden()
    give(page)
    start(page)
    expect(ended(page)).to_contain_text(f"The page now writes with your network “{SHOWN}”, as it was at step")
    expect(parent).to_have_text(f"{SHOWN}: fine-tune it")
    expect(stored).to_contain_text("in use")
    panel(page).locator(".back-to-first").click()
    expect(page.get_by_role("textbox", name="Prompt")).to_be_focused()
    for used in (first, NAME, first):  # then by the button in the list
        shown = used.removeprefix("local/")
        expect(model).to_have_value(used)
        expect(said).to_have_text(f"This page now writes with {shown}.")
        expect(parent).to_have_text(f"{shown}: fine-tune it")
        expect(next_steps).to_be_visible(visible=used == NAME)
        expect(panel(page).locator(".running")).to_be_visible(visible=used == NAME)  # the chart, too
        expect(stored.locator(".in-use")).to_be_visible(visible=used == NAME)
        expect(panel(page).locator(".back-to-first")).to_be_visible(visible=used == NAME)
        expect(stored.locator(".use")).to_have_text(f"Back to {first}" if used == NAME else "Use")
        stored.locator(".use").click()
        expect(stored.locator(".use")).to_be_focused()
    expect(model).to_have_value(NAME)  # it was loaded
    model.select_option(first)
    expect(said).to_have_text(f"This page now writes with {first}.")


def test_the_settings_offer_the_models_that_the_browser_has_stored(visitor: Make) -> None:
    visits = visitor()
    page = visits.open()
    model = page.get_by_role("combobox", name="Model", exact=True)
    first = model.input_value()
    give(page)
    start(page)
    ended(page)
    model.select_option(first)
    page.reload()
    expect(model.locator("option")).to_have_text([first, SHOWN])
    expect(model).to_have_value(first)
    model.select_option(NAME)
    expect(page.get_by_role("heading", level=1)).to_have_text("my-text")
    expect(page.locator("#about")).to_contain_text("It has read only your text, in this browser · ")
    setting(page, "Length", 20)
    send(page, "the c")
    assert len(reply(page)) == 20
    other = visits.open()
    expect(other.locator("#model option")).to_have_text([first, SHOWN])
    page.on("dialog", lambda dialog: dialog.accept())
    begin(page)
    button(page, f"Delete {SHOWN}").click()
    expect(panel(page).locator(".trained li")).to_have_count(0)
    other.get_by_role("combobox", name="Model", exact=True).select_option(NAME)
    expect(other.locator("#model option")).to_have_text([first])
    expect(other.locator("#about")).to_contain_text("different characters")


def test_the_app_leads_to_the_page_that_trains(browser: Browser, tmp_path: Path) -> None:
    registry = ModelRegistry([])
    registry.add("random", random_model())
    with serving(registry) as app:
        page = browser.new_page()
        page.goto(app.url)
        with page.expect_popup() as waiting:
            page.get_by_role("link", name="Train on your text (opens a new tab)").click()
        own = waiting.value
        complaints = complaints_of(own)
        own.reload()
        begin(own)
        expect(own.get_by_role("textbox", name="Your text")).to_be_focused()
        expect(own.get_by_role("heading", level=1)).to_have_text("Train on your text")
        back = own.get_by_role("link", name="Back to the app")
        assert back.evaluate("(link) => link.href") == app.url
        for name in ("Start training", "Open a model (.zip)"):
            expect(button(own, name)).to_be_in_viewport(ratio=1)
        for hidden in (button(own, "Send"), own.get_by_role("combobox"), own.get_by_role("log")):
            expect(hidden).to_have_count(0)
        give(own)
        assert re.search(r"/web/[0-9a-f]{16}/index\.html#train-alone$", own.url)
        start(own)
        expect(panel(own).locator(".written .text i").first).to_be_in_viewport()
        expect(button(own, "Stop and keep the model")).to_be_in_viewport()
        ended(own)
        expect(own.get_by_role("combobox", name="Model", exact=True)).to_have_value(NAME)
        expect(own.get_by_role("textbox", name="Prompt")).to_be_focused()
        expect(own.get_by_role("log")).to_be_in_viewport(ratio=1)
        expect(panel(own).locator(".said")).to_be_in_viewport()
        own.reload()
        expect(own.get_by_role("combobox", name="Model", exact=True)).to_have_value(NAME)
        expect(
            own.get_by_role("textbox", name="Your text")
        ).to_be_focused()  # the panel is open, and takes no more focus
        send(own, "the c")
        assert complaints == []
        page.context.close()
