"""What Share offers beside the link, on both pages: a picture and files; and a link in a frame."""

import html
import io
import json
import re
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Download, Page, expect

from tests.browser.driving import button, complaints_of, log, reply, send, settled, turns
from tests.browser.test_links import SAME, framing
from tests.support.both_pages import PROMPT, Site, begin, link, stored_parts

DOCS = Path(__file__).parents[2] / "docs" / "share-links.md"
TITLE = "one-a-network-that-writes"  # of the page, as the name of a file
[FRAME] = re.findall("<iframe src.*</iframe>", DOCS.read_text(encoding="utf-8"), re.DOTALL)


def saved(page: Page, name: str) -> Download:
    with page.expect_download() as download:
        button(page, name).click()
    expect(page.locator("#share-link p")).to_have_text(f"Saved as {download.value.suggested_filename}.")
    return download.value


def content(download: Download) -> bytes:
    return Path(download.path()).read_bytes()


def test_a_conversation_is_saved_as_picture_text_and_log(both: Site) -> None:
    page = begin(both.open())
    send(page, PROMPT)
    send(page, "and?")
    link(page)
    shown = "\n".join(turns(page).locator(".text").all_text_contents())
    page.route("**/picture.js", lambda route: route.abort())  # the network is gone
    text = saved(page, "Save as .txt")
    assert (text.suggested_filename, content(text).decode()) == (f"{TITLE}.txt", shown)
    log_file = saved(page, "Save as .json")
    assert log_file.suggested_filename == f"{TITLE}.json"
    stored = json.loads(content(log_file))
    assert [each["text"] for each in stored["turns"][-1]["reply"]["parts"]] == [
        each["text"] for each in stored_parts(page)
    ]
    assert [turn["prompt"] for turn in stored["turns"]] == [PROMPT, "\nand?"]
    picture = saved(page, "Save as picture")
    page.unroute("**/picture.js")
    assert picture.suggested_filename == f"{TITLE}.png"
    image = Image.open(io.BytesIO(content(picture))).convert("RGB")
    assert image.width == 1200
    shades = "(all) => all.map((each) => getComputedStyle(each).backgroundColor)"
    levels = log(page).locator(".reply i:is(.b1, .b2, .b3, .b4, .b5)").evaluate_all(shades)
    colours = {f"rgb({', '.join(map(str, colour))})" for _, colour in image.getcolors(1 << 20)}  # type: ignore[arg-type,union-attr]
    assert levels
    assert set(levels) <= colours


def test_the_picture_of_a_long_conversation_ends_with_the_last_reply(both: Site) -> None:
    page = begin(both.open(), length=2000)  # two of them are longer than a picture
    send(page, PROMPT)
    send(page, "and?")
    link(page)
    image = Image.open(io.BytesIO(content(saved(page, "Save as picture")))).convert("RGB")
    ink = tuple(
        map(int, re.findall(r"\d+", page.locator("h1").evaluate("(e) => getComputedStyle(e, '::after').color")))
    )
    text = np.asarray(image)[150:]  # below the title
    rows = np.flatnonzero((text == ink).all(axis=2).any(axis=1))  # of the prompts
    assert rows.max() < len(text) / 2  # the whole last reply follows


def test_a_click_beside_the_share_box_closes_it_and_acts(both: Site) -> None:
    page = begin(both.open(), length=1000)
    send(page, PROMPT)
    link(page)
    box = button(page, "Continue").bounding_box()
    assert box
    page.mouse.click(box["x"] + 9, box["y"] + 9)
    expect(page.locator("#share-link")).to_have_count(0)
    settled(page)
    assert len(reply(page)) >= 2000


def test_the_second_click_of_a_double_click_saves_nothing(both: Site) -> None:
    page = begin(both.open(), length=400)
    send(page, PROMPT)
    saves: list[str] = []
    page.on("download", lambda download: saves.append(download.suggested_filename))
    link(page)
    button(page, "Save as .txt").hover()  # as under the pointer, once the text makes room for the box
    page.mouse.down(click_count=2)
    page.mouse.up(click_count=2)
    saved(page, "Save as .json")
    assert saves == [f"{TITLE}.json"]


def test_the_text_is_selected_where_it_cannot_be_copied(both: Site) -> None:
    page = begin(both.open())
    send(page, "ab")
    page.evaluate("void (navigator.clipboard.writeText = () => Promise.reject(new Error()))")
    link(page)
    button(page, "Copy the text").click()
    expect(page.locator("#share-link p")).to_contain_text("The text is selected: press Ctrl+C")
    assert page.evaluate("getSelection().containsNode(document.querySelector('.log .reply'), true)")


def test_a_text_without_a_link_is_saved_all_the_same(both: Site) -> None:
    page = begin(both.open(), length=5)
    send(page, "é" * 1000)
    button(page, "Share").click()
    expect(page.locator("#share-link p")).to_contain_text("This is too long for a link")
    expect(page.get_by_role("textbox", name="Link to this text")).to_be_hidden()
    assert content(saved(page, "Save as .txt")).decode().startswith("ééé")


def test_a_frame_shows_the_text_in_a_page_of_another_origin(both: Site, tmp_path: Path) -> None:
    page = both.open("?prompt=<b>%26%22&seed=7&length=40&speed=200")
    expect(turns(page).locator(".mark")).to_be_visible()
    settled(page)
    code = FRAME.replace("LINK", html.escape(f"{both.app.url}?{link(page)}"))
    text = turns(page).locator(".text").text_content()
    outer = both.context.new_page()
    complaints = complaints_of(outer)
    with framing(tmp_path, code) as address:
        outer.goto(address)
        frame = outer.frame_locator("iframe")
        expect(frame.locator("article .mark")).to_have_text(SAME)
        assert frame.locator("article .text").text_content() == text
        assert outer.evaluate("document.activeElement === document.body"), "the frame took the focus"
        assert outer.frames[1].evaluate("document.documentElement.scrollWidth <= innerWidth")
        frame.get_by_role("button", name="Share", exact=True).click()
        with outer.expect_download() as download:
            frame.get_by_role("button", name="Save as .txt").click()
        assert content(download.value).decode() == text
    assert not complaints
