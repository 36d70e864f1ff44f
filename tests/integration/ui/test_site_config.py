"""SiteConfig: blocked words, slots per visitor, title and welcome text, as the owner of a site sets them."""

import html
import json
from collections.abc import Iterator

import httpx
import pytest

from model import BlockedWords, generate
from tests.support.app_server import App, random_model, scripted_model, serving
from tests.support.page_client import PageClient
from ui.site_config import SiteConfig

TALE = "A dog met a wolf, and the wolf hound ran. " + "They went on and on, for a long way. " * 8
BEFORE = TALE.index("wolf")
pytestmark = pytest.mark.anyio
SITE_TITLE, WELCOME = "Tales <b>&", "Fairy tales, ${1+1} {{value}} <i>only</i>."


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    site = SiteConfig(SITE_TITLE, WELCOME, rows_each=1, blocked=BlockedWords(["Wolf", "<b>"]))
    random = random_model()
    random.training = {"examples": ["a wolf", "a dog"], "welcome": {"text": "a wolf ran\nIt ", "seed": 12}}
    with serving({"tale": scripted_model(TALE), "random": random}, site) as app:
        yield app


def test_the_api_blocks_the_same_words(app: App) -> None:
    text, about = json.loads(app.call("generate", ["", 60]).strip().rpartition("data: ")[2])
    assert (text, about["finish_reason"]) == (TALE[:BEFORE], "blocked")
    assert "prompt contains a blocked word" in app.call("generate", ["wolf"])


def test_welcome_text_and_examples_contain_no_blocked_word(app: App) -> None:
    assert app.served("tale").welcome_text
    assert TALE[:BEFORE].startswith(app.served("tale").welcome_text)
    served = app.served("random")
    assert served.examples == ("a dog",)
    assert generate(served.lm, "", 240, seed=served.welcome_seed).startswith(served.welcome_text)
    assert "wolf" not in app.http.get(app.url).text
    assert "wolf" not in app.http.get("site").text


def test_title_and_welcome_text_are_those_of_the_owner_as_plain_text(app: App) -> None:
    document = app.http.get(app.url).text
    assert f"<title>{html.escape(SITE_TITLE)}</title>" in document
    assert f"<h1>{html.escape(SITE_TITLE)}</h1><p>{html.escape(WELCOME)}</p>" in document
    site = app.http.get("site").json()
    assert (site["title"], site["welcome"]) == (SITE_TITLE, WELCOME)


def test_without_lenses_nothing_tells_what_is_computed_inside_a_model() -> None:
    with serving({"random": random_model()}, SiteConfig.of({"LENSES": "0"})) as app:
        assert app.http.get("site").json()["lenses"] is False
        for path in ("trace", "passages", "gradio_api/call/inspect"):
            assert app.http.post(f"{app.url}{path}", json={}).status_code == 404, path
        asked = PageClient(httpx.AsyncClient(), app.url).request("random", "ROMEO:", length=5)
        written = app.http.post("write", json=asked).text
        assert '"text"' in written
        assert '"bits"' not in written
        assert "/inspect" not in app.http.get("gradio_api/info").json()["named_endpoints"]


def test_blocked_words_are_separated_by_commas_and_line_ends() -> None:
    site = SiteConfig.of({"BLOCKED_WORDS": "one, two words\r\nthree\n", "ROWS_EACH": "2", "PAGE_TITLE": " A\n B "})
    texts = ("One", "two  words", "three", "two", "four")
    assert [text for text in texts if site.blocked.inside(text)] == ["One", "two  words", "three"]
    assert (site.rows_each, site.title) == (2, "A B")
