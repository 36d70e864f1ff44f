"""Link previews of the running app, read as a crawler does: one request, no script."""

import html
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from model import PRETRAINED, BlockedWords, CharLSTM, generate
from tests.support.app_server import App, random_model, serving
from ui.page import document
from ui.page.document import MAX_DESCRIPTION, shortened

LINK = {"prompt": "ROMEO:", "seed": "7", "length": "200", "temperature": "0.8"}
FAR = {"x-forwarded-for": "8.8.8.8"}


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    with serving({"bundled": CharLSTM.from_pretrained(PRETRAINED), "random": random_model()}) as app:
        yield app


def crawl(app: App, query: dict[str, Any] | str = "", headers: dict[str, str] | None = None) -> dict[str, str]:
    """The meta tags of a document by their names."""
    query = query if isinstance(query, str) else urlencode(query)
    answer = app.http.get(f"{app.url}?{query}" if query else app.url, headers=headers)
    assert answer.status_code == 200
    tags = re.findall(r'<meta (?:name|property)="([^"]+)" content="([^"]*)">', answer.text)
    assert len(dict(tags)) == len(tags), "a tag is there twice"
    return {name: html.unescape(value) for name, value in tags}


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A document waits for its text also on a busy machine."""
    monkeypatch.setattr(document, "WITHIN_S", 60)


def test_the_site_has_its_own_preview(app: App) -> None:
    found = crawl(app)
    assert found["og:title"] == found["og:site_name"] == "A network that writes"
    first_words = app.served("bundled").welcome_text.split()[:3]
    assert " ".join(first_words) in found["og:description"]
    assert found["description"] == found["og:description"]
    assert found["twitter:card"] == "summary_large_image"
    assert found["og:url"] == app.url
    assert not [value for value in found.values() if "gradio" in value.lower()]
    for picture in (found["og:image"], f"{app.url}favicon.ico"):
        answer = app.http.get(picture)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")


@pytest.mark.usefixtures("patient")
def test_a_link_shows_the_beginning_of_its_text(app: App) -> None:
    found = crawl(app, LINK, {"accept-language": "de"})
    text = generate(CharLSTM.from_pretrained(PRETRAINED), "ROMEO:", length=200, temperature=0.8, seed=7)
    expected = " ".join(f"ROMEO:{text}".split())
    assert expected.startswith(found["og:description"].removesuffix(" …"))
    assert found["og:title"] == "Ein Netz, das schreibt: sieh zu, wie dieser Text entsteht, Buchstabe für Buchstabe"
    assert found["og:url"] == f"{app.url}?{urlencode(LINK)}"
    assert found["og:image"] == crawl(app)["og:image"]
    longer = crawl(app, f"{urlencode(LINK)}&then=x&seed=3")
    assert expected.startswith(longer["og:description"].removesuffix(" …"))


@pytest.mark.parametrize(
    "query",
    [
        "prompt=x",  # no seed: no text
        "seed=1&temperature=9",
        "seed=1&prompt=x&model=ada%2Fmissing",
        "seed=inf",
        "seed=1&prompt=%ff",
        "seed=1&prompt=" + "x" * 1001,
        "seed=1&" + "a=b&" * 1001,
        "&&==&%",
    ],
)
def test_a_link_that_cannot_be_followed_has_the_preview_of_the_site(app: App, query: str) -> None:
    found = crawl(app, query)
    assert found["og:url"] == app.url
    assert found["og:title"] == "A network that writes"


@pytest.mark.usefixtures("patient")
def test_blocked_words_appear_in_no_preview(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    link = {"prompt": "KING:", "seed": "11", "length": "120"}
    text = " ".join(crawl(app, link)["og:description"].split())
    word = text.removeprefix("KING:").split()[3].strip(".,;:!?'")
    monkeypatch.setattr(app.served("bundled").engine, "blocked", BlockedWords([word]))
    shorter = crawl(app, {**link, "length": "119"})["og:description"]
    assert word not in shorter.split()
    assert text.startswith(shorter)
    monkeypatch.setattr(app.served("bundled").engine, "blocked", BlockedWords(["king"]))
    assert not [value for value in crawl(app, link).values() if "KING" in value]


@pytest.mark.usefixtures("patient")
def test_a_client_has_its_limits(app: App, limit: Callable[..., None]) -> None:
    limit(characters_per_minute=300)
    titles = [crawl(app, f"prompt=a&length=200&seed={seed}", FAR)["og:title"] for seed in range(3)]
    assert [title == "A network that writes" for title in titles] == [False, False, True]
    assert crawl(app, "prompt=a&length=200&seed=2")["og:title"] == titles[0], "other clients are served"


def test_a_text_that_takes_too_long_is_left_out_and_not_counted(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "WITHIN_S", 0.0)
    assert crawl(app, {**LINK, "prompt": "slow and"})["og:description"] == "slow and"
    assert not app.page.limiter._replies["127.0.0.1"]


def test_of_a_text_that_more_determines_only_the_prompt_is_shown(app: App) -> None:
    """Clamps, another character, and a blend, for which a preview starts no engine."""
    before = len(app.registry.all_loaded)
    for more in ({"hold": "0.3~-4_1.5~4"}, {"pick": "Q"}, {"blend_with": "random", "share": "0.5"}):
        shown = crawl(app, {"prompt": "ab and c", "seed": "5", "length": "30", **more})
        assert shown["og:description"] == "ab and c"
        assert shown["og:title"] != "A network that writes"
    assert len(app.registry.all_loaded) == before


def test_a_fault_in_a_preview_does_not_hide_the_page(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "_fields", lambda query: 1 / 0)
    assert crawl(app, LINK)["og:title"] == "A network that writes"


def test_a_description_is_one_line_cut_after_a_word() -> None:
    assert shortened(" a\n\tb\u202e\0 c ") == "a b c"
    cut = shortened("word " * 99)
    assert cut.endswith("word …")
    assert len(cut) <= MAX_DESCRIPTION + 2
