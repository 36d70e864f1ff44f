"""Rewriting a reply from a character on, in a real browser, on wide light and narrow dark displays."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from model import CharLSTM, CharTokenizer, LSTMConfig, LSTMNetwork, generate
from tests.browser.driving import button, fast, footer, log, reply, send, setting, settled, turns
from tests.support.app_server import App, serving

PROMPT = "ROMEO:\nü "
LENGTH = 90


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    """The app with a left-to-right alphabet without combining characters, so that a click hits one character."""
    tokenizer = CharTokenizer(["\n", *map(chr, range(32, 127)), "🙂"])
    network = LSTMNetwork(LSTMConfig(len(tokenizer), 8, 24, 2)).eval().requires_grad_(False)
    with serving({"random": CharLSTM(network, tokenizer, {}, "random")}) as app:
        yield app


def write(page: Page) -> str:
    fast(page, LENGTH)
    send(page, PROMPT)
    return reply(page)


def click_after(page: Page, keep: int) -> None:
    """Click between two characters of the last reply, which is shown without a lens, once nothing moves."""
    settled(page)
    at = (
        turns(page)
        .last.locator(".reply")
        .evaluate(
            """(reply, keep) => {
            const walker = document.createTreeWalker(reply, NodeFilter.SHOW_TEXT);
            let [node, left] = [walker.nextNode(), [...reply.textContent].slice(0, keep).join("").length];
            while (left > node.length) [left, node] = [left - node.length, walker.nextNode()];
            const range = document.createRange();
            range.setStart(node, left - 1);
            range.setEnd(node, left);
            const talk = reply.closest(".log");
            talk.scrollIntoView({ block: "center" });
            talk.scrollTop += range.getBoundingClientRect().top - talk.getBoundingClientRect().top - 40;
            const box = [...range.getClientRects()].pop();
            return [box.right - 1, box.top + box.height / 2];
        }""",
            keep,
        )
    )
    page.mouse.click(*at)


def seed_of(page: Page) -> int:
    """Return the seed in the footer of the last reply."""
    return int((footer(page).text_content() or "").partition("seed ")[2].split()[0])


def check_rewritten(page: Page) -> None:
    expect(turns(page)).to_have_count(1)
    expect(page.get_by_role("group", name="Versions")).to_be_visible()
    settled(page)


def test_a_click_in_the_text_rewrites_from_there_and_undo_restores_the_rest(page: Page, app: App) -> None:
    text = write(page)
    first_seed = seed_of(page)
    keep = next(n for n in range(20, LENGTH) if text[n - 1].isascii() and text[n - 1].isalnum())
    offer = page.get_by_role("group", name="From this character on")
    expect(offer).to_be_hidden()
    click_after(page, keep)
    expect(offer).to_be_visible()
    button(page, "Try a different ending").click()
    check_rewritten(page)
    other = reply(page)
    assert other[:keep] == text[:keep]
    assert other != text
    assert len(other) == LENGTH
    seed = seed_of(page)
    lm = app.served("random").lm
    assert other[keep:] == generate(lm, PROMPT + text[:keep], LENGTH - keep, temperature=0.8, seed=seed, unknown="skip")
    expect(offer).to_be_hidden()
    button(page, "Undo").click()
    expect(turns(page).last.locator(".reply")).to_have_text(text, use_inner_text=False)
    click_after(page, keep)
    button(page, "Rewrite from here").click()
    check_rewritten(page)
    assert reply(page) == text
    setting(page, "Temperature", 1.4)
    click_after(page, keep)
    help_text = "Same seed. Useful after you change a setting, such as the temperature."
    expect(button(page, "Rewrite from here")).to_have_accessible_description(help_text)
    button(page, "Rewrite from here").click()
    check_rewritten(page)
    assert reply(page)[:keep] == text[:keep]
    assert reply(page) != text
    expect(footer(page)).to_contain_text(f"seed {first_seed}")
    log(page).click(position={"x": 3, "y": 3})
    expect(offer).to_be_hidden()
