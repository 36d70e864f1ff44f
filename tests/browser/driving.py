"""Helpers that use the page in a browser: they find its controls by role and accessible name."""

from typing import Any, Literal

from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, expect

from tests.support.app_server import App

Display = tuple[int, int, Literal["light", "dark"]]  # width and height in pixels, colour scheme
WIDE: Display = (1280, 860, "light")
NARROW: Display = (390, 844, "dark")
DISPLAYS = [WIDE, NARROW]
# Without motion the greeting is there at once; without a service worker a page fetches only what it uses now.
QUIET: dict[str, Any] = {"reduced_motion": "reduce", "service_workers": "block"}
# The page draws in the next frame what a click has changed.
_FORGET = """async () => {
  localStorage.clear();
  sessionStorage.clear();
  const found = await indexedDB.databases();
  if (!found.some(({ name }) => name === "char-lstm-conversations")) return;
  const opening = indexedDB.open("char-lstm-conversations");
  await new Promise((done) => (opening.onsuccess = done));
  const clearing = opening.result.transaction("conversations", "readwrite");
  clearing.objectStore("conversations").clear();
  await new Promise((done) => (clearing.oncomplete = done));
  opening.result.close();
}"""
_STORED = """async () => {
  const opening = indexedDB.open("char-lstm-conversations");
  await new Promise((done) => (opening.onsuccess = done));
  const reading = opening.result.transaction("conversations").objectStore("conversations").getAll();
  await new Promise((done) => (reading.onsuccess = done));
  opening.result.close();
  return reading.result.map(({ log }) => log);
}"""
TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


def window(display: Display) -> dict[str, Any]:
    """Return a display as the options of a context."""
    width, height, scheme = display
    return {"viewport": {"width": width, "height": height}, "color_scheme": scheme}


def open_page(
    context: BrowserContext,
    app: App,
    query: str = "",
    *,
    log: str = "Conversation",
    hub: str = "data:",
) -> tuple[Page, list[str]]:
    """Open the page and wait until it can be used; returns it, and a list that collects errors and foreign requests.

    Requests to the page itself and to the Hub, if its address is given, are not foreign.
    """
    page = context.new_page()
    complaints = complaints_of(page, app.url, hub)
    show(page, app, query, log=log)
    return page, complaints


def show(page: Page, app: App, query: str = "", *, log: str = "Conversation") -> None:
    """Load the page in a tab and wait until it can be used."""
    page.goto(app.url + query)
    expect(page.get_by_role("log", name=log)).to_be_visible()
    expect(page.locator("#ask [data-move='send']")).to_be_enabled()


def open_settings(page: Page) -> None:
    """Open the settings, the rarer ones too."""
    expect(page.locator("#open-settings[aria-expanded]")).to_be_attached()  # since then it hears clicks
    page.evaluate(
        "() => { if (document.querySelector('#settings').hidden) document.querySelector('#open-settings').click(); }"
    )
    page.evaluate("document.querySelectorAll('#more-settings').forEach((each) => (each.open = true))")


def complaints_of(page: Page, *own: str) -> list[str]:
    """Return a list that collects errors, warnings, and requests to other addresses than the page's own, if given."""
    complaints: list[str] = []
    page.on("console", lambda line: complaints.append(line.text) if is_complaint(line) else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    if own:
        known = (*own, "data:", "blob:")
        page.on("request", lambda each: None if each.url.startswith(known) else complaints.append(each.url))
    return complaints


def is_complaint(line: ConsoleMessage) -> bool:
    """Return whether a console message is an error or a warning.

    Refused requests, `QUIET`, and a file that a slow machine uses long after it has arrived do not count.
    """
    refused = (
        any(path in line.location["url"] for path in ("/write", "/trace")) and "responded with a status of" in line.text
    )
    ignored = ("blocked by Playwright", "preloaded using link preload but not used within a few seconds")
    return line.type in ("error", "warning") and not refused and not any(each in line.text for each in ignored)


def forget(page: Page) -> None:
    """Delete the conversations and settings that the browser has stored."""
    page.evaluate(_FORGET)


def stored_logs(page: Page) -> list[dict[str, Any]]:
    logs: list[dict[str, Any]] = page.evaluate(_STORED)
    return logs


def log(page: Page) -> Locator:
    return page.get_by_role("log", name="Conversation")


def turns(page: Page) -> Locator:
    return log(page).locator(":scope > article")  # not the welcome text, which is an article inside another element


def reply(page: Page) -> str:
    return turns(page).last.locator(".reply").first.text_content() or ""  # a second one is the version beside it


def footer(page: Page) -> Locator:
    return turns(page).last.locator(".moves .footer")


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def more(page: Page, name: str) -> None:
    """Press a button below the last reply that is under "More"."""
    page.evaluate("document.querySelectorAll('.moves details').forEach((each) => (each.open = true))")
    button(page, name).click()


def from_menu(page: Page, name: str) -> None:
    button(page, "Look inside").click()
    page.locator("#inside").get_by_role("button", name=name, exact=True).click()


def choose(page: Page, model: str) -> None:
    open_settings(page)
    page.get_by_role("combobox", name="Model", exact=True).select_option(model)
    expect(page.get_by_role("combobox", name="Model", exact=True)).to_have_value(model)


def setting(page: Page, name: str, value: float | str) -> None:
    open_settings(page)
    box = page.get_by_role("spinbutton", name=name)
    box.fill(str(value))
    box.blur()
    if page.viewport_size and page.viewport_size["width"] <= 768:  # on a phone they cover a part of the page
        page.locator("#settings > .close").click()


def fast(page: Page, length: int | None = None) -> None:
    """Write at full speed; ``length`` is that of a reply, which is left as it is if omitted."""
    setting(page, "Speed", 200)
    if length is not None:
        setting(page, "Length", length)


def send(page: Page, prompt: str, *, wait: bool = True) -> None:
    before = turns(page).count()
    page.get_by_role("textbox", name="Prompt").fill(prompt)
    page.keyboard.press("Enter")
    expect(turns(page)).to_have_count(before + 1)
    if wait:
        settled(page)


def continued(page: Page, characters: int) -> None:
    """Continue the last reply, and wait until it has so many characters."""
    button(page, "Continue").click()
    expect(footer(page)).to_contain_text(f"{characters} characters")
    settled(page)


def settled(page: Page) -> None:
    """Wait until no reply is being written, also if a click of this moment has begun one."""
    page.bring_to_front()  # a page that is not seen gets no frames
    page.evaluate(TWO_FRAMES)
    expect(page.locator("#ask [data-move='send']")).to_be_enabled()
    expect(turns(page).last.locator(".reply-moves:not([hidden])")).to_be_attached()  # the whole text is drawn
