"""What a visitor sees and can do while the weights or the modules of the static page are being downloaded."""

import json
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from model import CharLSTM, generate
from model.checkpoint.record import stored_welcome
from model.settings import WELCOME_LENGTH
from tests.browser.driving import QUIET, button, fast, log, more, reply, send, settled, stored_logs, turns
from tests.support.app_server import eventually, random_model
from tests.support.both_pages import Site
from tests.support.chromium import serve
from training.card.summary import with_welcome
from training.hub.space_files import write_static

# Ends the animation that shows a text after three seconds in which no script has run.
BEGINNING = 18  # characters of a welcome text that are shown also beside another ending
LATE = """() => {
  const late = document.getAnimations().find((each) => each.animationName === "late");
  late?.finish();
  return Boolean(late);
}"""


def delay(page: Page, pattern: str) -> list[Route]:
    """Delay a request; returns a list that gets its route."""
    held: list[Route] = []
    page.route(pattern, lambda route: held.append(route))
    return held


def wait_for_request(page: Page, held: list[Route]) -> None:
    while not held:
        page.wait_for_timeout(20)  # Playwright calls the handler of a route only while it waits


def let_go(page: Page, held: list[Route]) -> None:
    wait_for_request(page, held)
    held[0].continue_()


def test_the_download_is_shown_from_start_to_end(new_context: BrowserContext, tmp_path: Path) -> None:
    write_static(tmp_path, random_model(hidden_size=128))
    page = new_context.new_page()
    network = new_context.new_cdp_session(page)
    network.send("Network.enable")
    config, weights = delay(page, "**/config.json"), delay(page, "**/model.safetensors")
    with serve(tmp_path) as url:
        page.goto(url)
        bar = page.get_by_role("progressbar", name="Part of the model that has arrived")
        for held in (config, weights):
            wait_for_request(page, held)
            expect(bar).to_be_visible()
            expect(page.get_by_text("The model is on its way.")).to_be_visible()
            expect(bar).to_have_js_property("value", 0)
            if held is config:
                let_go(page, held)
        speed = {"offline": False, "latency": 0, "uploadThroughput": -1}
        network.send("Network.emulateNetworkConditions", {**speed, "downloadThroughput": 20_000})
        let_go(page, weights)
        page.wait_for_function("({ value }) => value > 0 && value < 1", arg=bar.element_handle())
        expect(bar).to_be_visible()
        network.send("Network.emulateNetworkConditions", {**speed, "downloadThroughput": -1})
        expect(page.locator(".welcome .hint")).to_be_visible()
        expect(bar).to_be_hidden()


def test_the_page_has_its_colours_before_its_scripts_run(both: Site) -> None:
    page = both.context.new_page()
    page.emulate_media(color_scheme="dark")
    held = delay(page, "**/static.js")
    page.goto(both.app.url, wait_until="commit")
    page.wait_for_function(LATE)
    expect(page.get_by_text("The page is loading.")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_have_js_property("value", 0)
    expect(page.get_by_role("progressbar")).to_be_visible()
    paper = page.locator("body").evaluate("(body) => getComputedStyle(body).backgroundColor")
    let_go(page, held)
    expect(page.locator(".welcome .hint")).to_be_visible()
    expect(page.locator("body")).to_have_css("background-color", paper)
    page.unroute_all()
    page.goto(f"{both.app.url}?__theme=light")  # as the Hub opens the page of a Space
    expect(page.locator("body")).not_to_have_css("background-color", paper)


def test_a_page_that_only_trains_shows_no_download(both: Site) -> None:
    page = both.context.new_page()
    page.route("**/static.js", lambda route: route.abort())
    page.goto(f"{both.app.url}#train-alone", wait_until="commit")
    expect(page.locator("body.trains-alone")).to_be_visible()
    expect(page.locator("#loading")).to_be_hidden()


def test_the_static_page_shows_its_greeting_and_keeps_a_prompt_before_the_weights(
    both: Site, new_context: BrowserContext
) -> None:
    text, seed = stored_welcome(with_welcome(both.one).training)
    assert text
    assert generate(both.one, "", WELCOME_LENGTH, seed=seed).startswith(text)
    page = new_context.new_page()  # which has no weights yet
    held: list[Route] = delay(page, "**/model.safetensors")
    page.goto(both.app.url)
    expect(page.locator(".welcome .reply").first).to_contain_text(text[:BEGINNING], use_inner_text=False)
    expect(page.locator("#intro p")).to_contain_text("This neural network has read only one.")
    fast(page, 60)
    page.get_by_role("spinbutton", name="Seed", exact=True).fill("5")
    send(page, "", wait=False)
    expect(page.get_by_role("progressbar")).to_be_visible()
    assert reply(page) == ""
    let_go(page, held)
    settled(page)
    assert reply(page) == generate(both.one, "", 60, seed=5)
    more(page, "Take back the last text")
    expect(page.locator(".welcome i[class*=b]").nth(BEGINNING)).to_be_visible()


def test_a_model_without_a_stored_greeting_writes_one_once_its_weights_are_here(
    browser: Browser, tmp_path: Path
) -> None:
    lm = random_model(hidden_size=32)
    write_static(tmp_path, lm)
    text, _ = stored_welcome(CharLSTM.from_pretrained(tmp_path).training)
    lm.save_pretrained(tmp_path)
    assert "welcome" not in json.loads((tmp_path / "config.json").read_text())["training"]
    page = browser.new_page(locale="en-US", **QUIET)
    held = delay(page, "**/model.safetensors")
    with serve(tmp_path) as url:
        page.goto(url)
        expect(button(page, "Send")).to_be_enabled()
        let_go(page, held)
        expect(page.locator(".welcome .reply").first).to_contain_text(text[:BEGINNING], use_inner_text=False)
    page.context.close()


def test_weights_that_cannot_be_fetched_are_reported_and_the_prompt_is_kept_also_after_a_reload(
    both: Site, new_context: BrowserContext
) -> None:
    page = new_context.new_page()
    held = delay(page, "**/model.safetensors")
    page.goto(both.app.url)
    send(page, "hello", wait=False)
    wait_for_request(page, held)
    eventually(lambda: "hello" in str(stored_logs(page)))
    held.clear()
    page.reload()
    wait_for_request(page, held)
    page.route("**/model.safetensors", lambda route: route.abort())  # the page may try again at once
    held[0].abort()
    expect(log(page).locator(".refusal")).to_contain_text("could not be fetched")
    expect(page.get_by_role("textbox", name="Prompt")).to_have_value("hello")
    expect(page.locator("#notices")).to_contain_text("could not be fetched")


def test_enter_before_the_scripts_have_run_sends_the_prompt(both: Site) -> None:
    page = both.context.new_page()
    held = delay(page, "**/*.js")  # a slow network: no script has arrived
    page.goto(both.app.url, wait_until="commit")
    prompt = page.locator("#prompt")
    expect(page.locator(".welcome .reply[data-began]")).to_have_count(1)
    expect(page.get_by_role("progressbar")).to_be_visible()
    prompt.fill("ROMEO:")
    prompt.press("Enter")
    prompt.press("Enter")
    expect(prompt).to_have_value("ROMEO:")
    page.route("**/*.js", lambda route: route.continue_())  # those that are requested later
    for route in held:
        route.continue_()
    expect(turns(page)).to_have_count(1)
    expect(log(page).locator(".prompt")).to_have_text("ROMEO:")
    expect(prompt).to_have_value("")
    settled(page)
