"""What goes wrong in a training in the browser: each fault is reported in one line, and nothing is lost."""

import io
import zipfile
from pathlib import Path

from playwright.sync_api import Playwright, expect

from tests.browser.driving import button, choose, fast, open_settings, reply, send, turns
from tests.browser.test_train_page import (
    FEW,
    NAME,
    SHOWN,
    STORED,
    TEXT,
    Visitor,
    begin,
    ended,
    fault,
    files_of,
    give,
    packed,
    panel,
    start,
    url,
    visitor,
)
from tests.support.app_server import eventually
from tests.support.chromium import NO_SIMD, launch

__all__ = ["packed", "url", "visitor"]  # fixtures


NO_ROOM = "cannot be continued after a reload: this browser has no room left for it"


def test_without_room_in_the_storage_the_model_writes_until_the_page_is_closed(visitor: Visitor) -> None:
    page = visitor.open(speed=FEW)
    give(page)
    session = page.context.new_cdp_session(page)
    session.send("Storage.overrideQuotaForOrigin", {"origin": visitor.url.rstrip("/"), "quotaSize": 1})
    start(page)
    expect(fault(page)).to_contain_text(NO_ROOM)
    ended(page)
    expect(fault(page)).to_contain_text("The model is lost when you close this page: this browser has no room left")
    fast(page, 40)
    send(page, "the c")
    expect(page.locator("#model")).to_have_value(NAME)
    assert set(reply(page)) <= set(TEXT)


def test_what_had_no_room_is_stored_once_there_is_room(visitor: Visitor) -> None:
    page = visitor.open(speed=2_000)
    give(page)
    session, origin = page.context.new_cdp_session(page), {"origin": visitor.url.rstrip("/")}
    session.send("Storage.overrideQuotaForOrigin", {**origin, "quotaSize": 1})
    start(page)
    expect(fault(page)).to_contain_text(NO_ROOM)
    session.send("Storage.overrideQuotaForOrigin", origin)
    button(page, "Pause").click()
    expect(fault(page)).to_be_empty()
    eventually(lambda: page.evaluate(STORED))
    page.reload()
    start(begin(page), "Continue your training")


def test_a_browser_without_simd_says_so(playwright: Playwright, url: str) -> None:
    browser = launch(playwright, NO_SIMD)
    page = browser.new_page(locale="en-US")
    page.goto(url)
    page.get_by_role("link", name="Train on your text").click()
    expect(panel(page).locator("summary").first).to_be_focused()
    give(page)
    button(page, "Start training").click()
    expect(fault(page)).to_contain_text("This browser cannot train: it has no WebAssembly SIMD")
    browser.close()


def test_one_tab_trains_at_a_time(visitor: Visitor) -> None:
    first = visitor.open(speed=2_000)
    give(first)
    start(first)
    button(first, "Pause").click()
    expect(panel(first).locator(".said")).to_contain_text("Paused")
    second = visitor.open(speed=FEW)
    give(second)
    second.on("dialog", lambda dialog: dialog.accept())
    button(second, "Discard it").click()
    expect(fault(second)).to_contain_text("Another tab of this page has a training, which runs or is paused")
    button(first, "Resume").click()
    button(first, "Stop and keep the model").click()
    expect(ended(first)).to_contain_text("Stopped after")
    panel(first).locator("[value=parent]").check()
    start(first)
    button(first, "Stop and keep the model").click()
    expect(ended(first)).to_contain_text(f"The page now writes with your network “{SHOWN}-2”, as it was at step")
    expect(first.locator("#model")).to_have_value(f"{NAME}-2")
    start(second)


def test_a_model_is_opened_used_downloaded_and_deleted(visitor: Visitor, packed: bytes, tmp_path: Path) -> None:
    page = visitor.open()
    page.on("dialog", lambda dialog: dialog.accept())
    model, stored = page.locator("#model"), panel(page).locator(".trained li")
    first, name, said = model.input_value(), "local/letters", panel(page).locator(".said")
    zipfile.ZipFile(io.BytesIO(packed)).extractall(tmp_path)
    page.locator(".model-folder").set_input_files(tmp_path / "letters")
    expect(model).to_have_value(name)
    expect(said).to_have_text("This page now writes with letters.")
    expect(stored.locator(".in-use")).to_be_visible()
    choose(page, first)
    expect(said).to_have_text("")
    expect(stored.locator(".in-use")).to_be_hidden()
    stored.locator(".use").click()
    expect(model).to_have_value(name)
    fast(page, 20)
    send(page, "the c")
    written = reply(page)
    with page.expect_download() as waiting:
        button(page, "Download letters").click()
    waiting.value.save_as(tmp_path / "other name.zip")
    other = visitor.open()
    begin(page)
    button(page, "Delete letters").click()
    expect(stored).to_have_count(0)
    open_settings(other)
    other.locator("#model").select_option(name)  # it is no longer there
    expect(other.locator("#model option")).to_have_text([first])
    page.reload()
    expect(turns(page).locator(".prompt")).to_have_text("the c")
    expect(turns(page).locator(".reply")).to_have_text(written, use_inner_text=False)
    begin(page)
    page.locator(".model-file").set_input_files(tmp_path / "other name.zip")
    expect(said).to_contain_text("This page now writes with other-name.")
    weights = (tmp_path / "letters" / "model.safetensors").read_bytes()
    assert files_of(page, "local/other-name")["model.safetensors"] == weights
    page.reload()
    choose(page, "local/other-name")
    expect(page.get_by_role("heading", level=1)).to_have_text("other-name: a network that writes")
    panel(begin(page)).locator(".model-file").set_input_files(
        {"name": "a.zip", "mimeType": "application/zip", "buffer": b"PK\3\4"}
    )
    expect(fault(page)).not_to_be_empty()
