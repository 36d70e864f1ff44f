"""Share links on the static page, and from it to the app's page."""

from playwright.sync_api import Page, expect

from model import Blend, generate
from tests.browser.driving import continued, fast, footer, log, open_settings, reply, send, setting, settled, turns
from tests.browser.looking import choose_lens
from tests.browser.test_both_pages_looking import clamp, clamps
from tests.browser.test_links import SAME
from tests.support.app_server import App, eventually, serving
from tests.support.both_pages import LENGTH, ONE, PROMPT, SEED, TWO, Site, begin, link, stored_parts, text_of
from ui.registry.registry import ModelRegistry


def follow(site: Site, query: str, app: App | None = None) -> Page:
    """Open a link as another visitor and watch its text being written."""
    page = site.open(f"?speed=200&{query}", context=site.new_context(locale="en-US"), app=app)
    expect(turns(page).last.locator(".mark")).to_have_text(SAME)
    open_settings(page)
    return page


def test_changes_during_a_reply_are_in_its_link(both: Site) -> None:
    page = begin(both.open(), speed=5, length=120)
    choose_lens(page, "What it remembers")
    send(page, PROMPT, wait=False)
    eventually(lambda: len(reply(page)) > 5)
    setting(page, "Temperature", 1.5)
    eventually(lambda: len(stored_parts(page)) == 2)
    clamp(page, 1, 5)
    eventually(lambda: len(stored_parts(page)) == 3)
    fast(page)
    settled(page)
    text, parts = reply(page), stored_parts(page)
    assert [each["settings"]["temperature"] for each in parts] == [0.8, 1.5, 1.5]
    assert [each["cells"] for each in parts] == [[], [], [[1, 5, 4]]]
    begun = len(parts[0]["text"])
    assert text[:begun] == text_of(both, length=begun)
    query = link(page)
    assert "&temperature=1.5" in query
    assert "&hold=1.5~4" in query
    reader = follow(both, query)
    assert reply(reader) == text
    expect(reader.get_by_role("spinbutton", name="Length")).to_have_value("120")
    expect(clamps(reader)).to_contain_text("cell 6 of layer 2 held high")
    reader.context.close()


def test_a_link_to_a_blend(both: Site) -> None:
    page = begin(both.open())
    both.blend(page)
    setting(page, "Blend", 0.3)
    send(page, PROMPT)
    continued(page, 2 * LENGTH)
    reader = follow(both, link(page))
    assert reply(reader) == generate(Blend(both.one, both.two, 0.3), PROMPT, 2 * LENGTH, seed=SEED)
    expect(reader.get_by_role("combobox", name="Second model")).to_have_value(f"blended {TWO}")
    expect(reader.get_by_role("spinbutton", name="Blend")).to_have_value("0.3")
    continued(reader, 4 * LENGTH)
    expect(footer(reader)).to_contain_text(f"{both.name} + {TWO}, 30% from the second")
    assert link(reader).count("&share=0.3") == 1
    reader.context.close()


def test_a_link_of_one_page_opens_on_the_other(both: Site) -> None:
    page = begin(both.open(f"?model={ONE}"))
    send(page, PROMPT)
    query, text = link(page), reply(page)
    assert f"model=ada%2Fone%40{both.commit}" in query
    registry = ModelRegistry([ONE])
    registry.start()
    assert registry.settled.wait(60)
    with serving(registry) as app:
        reader = follow(both, query, app)
        assert reply(reader) == text
        expect(reader.locator("#about")).to_contain_text(f"commit {both.commit[:7]}")
        reader.context.close()


def test_a_link_may_name_the_static_pages_own_model_or_none_but_no_unknown_one(both: Site) -> None:
    for name in (both.name, ""):
        context = both.new_context(locale="en-US")
        page = both.open(f"?prompt=ROMEO:&seed={SEED}&length={LENGTH}&speed=200&model={name}", context=context)
        expect(log(page).locator(".mark")).to_contain_text("This link carries no check")
        open_settings(page)
        assert reply(page) == text_of(both, "ROMEO:")
        expect(page.get_by_role("combobox", name="Model", exact=True)).to_have_value(both.name)
        context.close()
    page = both.open(f"?prompt=ROMEO:&length={LENGTH}&speed=200")
    settled(page)
    expect(log(page).locator(".mark")).to_have_count(0)  # a link without a seed has no earlier text to compare with
    page.goto(f"{both.app.url}?prompt=ROMEO:&model=nothere")
    refusal = "This link needs the model 'nothere', which this page does not have. It has: "
    expect(log(page).locator(".refusal")).to_contain_text(f"{refusal}{both.name}")
    expect(turns(page)).to_have_count(0)
    expect(page.get_by_role("group", name="This reply").get_by_role("button")).to_have_count(0)
