"""Link previews of the running app, read as a crawler does: one request, no script."""

from __future__ import annotations

import io
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from PIL import Image

from model import PRETRAINED, BlockedWords, CharLSTM, generate
from model.scoring.picture import HEIGHT, WIDTH
from tests.support.app_server import App, random_model, serving
from ui.preview import previews

LINK = {"prompt": "ROMEO:", "seed": "7", "length": "200", "temperature": "0.8"}
FAR = {"x-forwarded-for": "8.8.8.8"}


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    with serving({"bundled": CharLSTM.from_pretrained(PRETRAINED), "random": random_model()}) as app:
        yield app


class Tags(HTMLParser):
    """The meta tags, the title and the icon of a document."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.tags: dict[str, str] = {}
        self.icons: list[str] = []
        self.scripts = 0
        self.feed(document)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.scripts += tag == "script"
        if tag == "link" and given.get("rel") == "icon":
            self.icons.append(given["href"])
        if tag == "meta" and (name := given.get("property") or given.get("name")):
            assert name not in self.tags, f"{name} is there twice"
            self.tags[name] = given["content"]


def crawl(app: App, query: dict[str, Any] | str = "", headers: dict[str, str] | None = None) -> Tags:
    query = query if isinstance(query, str) else urlencode(query)
    answer = httpx.get(f"{app.url}?{query}" if query else app.url, headers=headers, timeout=60)
    assert answer.status_code == 200
    return Tags(answer.text)


def picture(address: str) -> bytes:
    answer = httpx.get(address, timeout=60)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert Image.open(io.BytesIO(answer.content)).size == (WIDTH, HEIGHT)
    return answer.content


def test_the_site_has_its_own_preview(app: App) -> None:
    found = crawl(app)
    assert found.tags["og:title"] == found.tags["og:site_name"] == "A network that writes"
    first_words = app.served("bundled").welcome_text.split()[:3]
    assert " ".join(first_words) in found.tags["og:description"]
    assert found.tags["description"] == found.tags["og:description"]
    assert found.tags["twitter:card"] == "summary_large_image"
    assert found.tags["og:url"] == app.url
    assert found.tags["og:image"] == f"{app.url}preview.png"
    assert not [value for value in found.tags.values() if "gradio" in value.lower()]
    assert picture(found.tags["og:image"]) == picture(found.tags["og:image"])
    (icon,) = found.icons
    assert httpx.get(app.url + icon).content == httpx.get(f"{app.url}favicon.ico").content


def test_a_link_shows_the_beginning_of_its_text_and_the_picture_is_its_own(app: App, monkeypatch: Any) -> None:
    monkeypatch.setattr(previews, "DOCUMENT_S", 60)
    found = crawl(app, LINK, {"accept-language": "de"})
    text = generate(CharLSTM.from_pretrained(PRETRAINED), "ROMEO:", length=200, temperature=0.8, seed=7)
    expected = " ".join(f"ROMEO:{text}".split())
    assert expected.startswith(found.tags["og:description"].removesuffix(" …"))
    assert (
        found.tags["og:title"] == "Ein Netz, das schreibt: sieh zu, wie dieser Text entsteht, Buchstabe für Buchstabe"
    )
    assert found.tags["og:url"] == f"{app.url}?{urlencode(LINK)}"
    assert picture(found.tags["og:image"]) != picture(f"{app.url}preview.png")


@pytest.mark.parametrize(
    "query",
    [
        "prompt=x",  # no seed: no text
        "seed=1&temperature=9",
        "seed=1&prompt=x&model=ada%2Fmissing",
        "seed=1&hold=9.9~4",
        "seed=1&hold=x",
        "seed=1&pick=ab",
        "seed=1&v=<",
        "seed=inf",
        "seed=1&blend_with=bundled",
        "seed=1&prompt=%ff",
        "seed=1&prompt=" + "x" * 1001,
        "seed=1&" + "a=b&" * 1001,
        "&&==&%",
    ],
)
def test_a_link_that_cannot_be_followed_has_the_preview_of_the_site(app: App, query: str) -> None:
    found = crawl(app, query)
    assert found.tags["og:url"] == app.url
    assert found.tags["og:title"] == "A network that writes"
    assert picture(f"{app.url}preview.png?{query}") == picture(f"{app.url}preview.png")


def test_a_hostile_prompt_stays_text(app: App) -> None:
    scripts = crawl(app).scripts
    for prompt in ('"><script>alert(1)</script>', "</title><script>", "' onload=alert(1) x='", "\0\u202e\r\n\r\n<"):
        found = crawl(app, {"prompt": prompt, "seed": "1", "length": "5"})
        assert found.scripts == scripts
        assert " ".join("".join(c if c.isprintable() else " " for c in prompt).split()) in found.tags["og:description"]
        picture(found.tags["og:image"])


def test_blocked_words_appear_in_no_preview(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    served = app.served("random")
    link = {"prompt": "a wolf", "seed": "1", "length": "30", "model": "random"}
    monkeypatch.setattr(served.engine, "blocked", BlockedWords(["wolf"]))
    found = crawl(app, link)
    assert not [value for value in found.tags.values() if "wolf" in value]
    assert picture(f"{app.url}preview.png?{urlencode(link)}") == picture(f"{app.url}preview.png")


def test_a_trusted_proxy_names_the_address(app: App) -> None:
    proxied = {**FAR, "x-forwarded-host": "localhost:8443", "x-forwarded-proto": "https"}
    assert crawl(app, headers=proxied).tags["og:image"] == "https://localhost:8443/preview.png"
    foreign = crawl(app, headers={**proxied, "x-forwarded-host": 'evil"><b>'})
    assert "og:image" not in foreign.tags


def test_a_space_and_a_path_are_part_of_the_address(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    assert app.page
    monkeypatch.setattr(app.page.blocks.app, "root_path", "/tales")
    found = crawl(app, LINK)
    assert found.tags["og:url"].startswith(f"{app.url}tales/?prompt=ROMEO%3A&")
    assert found.tags["og:image"].startswith(f"{app.url}tales/preview.png?prompt=ROMEO%3A&")
    monkeypatch.setattr(app.page.blocks.app, "root_path", "")
    monkeypatch.setenv("SPACE_HOST", "ada-novel.hf.space")
    assert crawl(app).tags["og:image"] == "https://ada-novel.hf.space/preview.png"
