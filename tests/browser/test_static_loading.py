"""The static page while its scripts and its model are being downloaded."""

from pathlib import Path

from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.support.app_server import random_model
from tests.support.both_pages import Site
from tests.support.chromium import serve
from training.hub.space_files import write_static

# Ends the animation that shows a text after three seconds in which no script has run.
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
