"""What a page and an operator read: the site, as its owner sets it, and its models, samples, health, readiness."""

import html
import json
import threading
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

import httpx
import pytest

from model import BlockedWords, Cell, ChatFormat, generate
from model.checkpoint.record import Sample
from tests.support.app_server import App, random_model, scripted_model, serving
from tests.support.page_client import PageClient, english
from ui.registry.registry import ModelRegistry
from ui.site_config import SiteConfig

NAMED = Cell(1, 5, "place in the line", "r", -0.93, 0.1, 0.4)
CHAT = ChatFormat("Ann: ", "\nBo: ", "\n")


def sample(step: int, text: str) -> Sample:
    return {"step": step, "prompt": "To ", "temperature": 0.7, "seed": 1, "text": text}


RANDOM = replace(random_model(), cells=(NAMED,), chat=CHAT)
LEARNED = replace(random_model(), samples=(sample(0, "Vq&x"), sample(9, "be")))


@pytest.fixture(scope="module")
def described() -> Iterator[App]:
    with serving({"random": RANDOM, "tale": scripted_model("abc\n"), "learned": LEARNED}) as app:
        yield app


def test_the_site_describes_its_models(described: App, monkeypatch: pytest.MonkeyPatch) -> None:
    response = described.http.get("site")
    site = response.json()
    assert response.headers["cache-control"] == "no-store"
    assert (site["again_s"], site["title"], site["notices"]) == (None, "", [])
    first, second, third = site["models"]
    assert "2 layers of 24 cells" in english(first.pop("about"))
    assert first.pop("welcome") == described.served("random").welcome_text
    assert first.pop("welcome_seed") == described.served("random").welcome_seed
    assert first["chat"] == asdict(CHAT)
    assert first["vocab"] == list(RANDOM.tokenizer.vocab)
    assert first["cells"] == [{**NAMED.facts(), "remembers": True, "passages": False}]
    shown = {"name": "random", "commit": "", "failure": None, "loading": False, "layers": 2, "hidden": 24}
    assert first == {**first, **shown, "samples": False, "exact": True, "version": "1"}
    assert (second["exact"], second["version"], second["chat"], third["samples"]) == (False, "float32", None, True)
    again = described.http.get("site", params={"since": site["version"]}).json()
    assert again == {"version": site["version"], "again_s": None}
    described.registry.bump_version()
    monkeypatch.setenv("SPACE_HOST", "user-name.hf.space")
    changed = described.http.get("site", params={"since": site["version"]}).json()
    assert changed["version"] != site["version"]
    assert changed["address"] == "https://user-name.hf.space/"


def test_the_samples_of_a_model_are_listed_without_those_that_have_a_blocked_word(
    described: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(model: str) -> httpx.Response:
        return described.http.get("samples", params={"model": model})

    assert answer("learned").json() == {"samples": [[0, "To Vq&x"], [9, "To be"]]}
    assert answer("random").json() == {"samples": []}
    monkeypatch.setattr(described.served("learned").engine, "blocked", BlockedWords(["to be"]))
    assert answer("learned").json() == {"samples": [[0, "To Vq&x"]]}
    refused = answer("none")
    assert refused.status_code == 404
    assert "it must be one of the models served here" in english(refused.json()["refusal"])


def complete(app: App, **body: Any) -> httpx.Response:
    return app.http.post("v1/completions", json={"prompt": "a", **body})


def test_a_request_waits_while_the_model_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = ModelRegistry(["bundled"])
    loaded = threading.Event()
    load = registry._load
    monkeypatch.setattr(registry, "_load", lambda *arguments: (loaded.wait(60), load(*arguments)))
    registry.start()
    with serving(registry) as app:
        assert app.http.get("readyz").status_code == 503
        assert app.http.get("healthz").status_code == 200
        monkeypatch.setattr("ui.registry.registry.WAIT_S", 0.0)
        assert complete(app).status_code == 503
        monkeypatch.setattr("ui.registry.registry.WAIT_S", 60.0)
        threading.Timer(0.3, loaded.set).start()
        assert complete(app, max_tokens=20).json()["usage"]["completion_tokens"] == 20
        assert app.http.get("readyz").json() == {"status": "ok"}


def test_a_dead_engine_is_reported() -> None:
    with serving({"random": random_model()}) as app:
        assert app.http.get("healthz").status_code == 200
        app.served("random").engine.stop()
        app.served("random").thread.join()
        response = app.http.get("healthz")
        assert (response.status_code, response.json()) == (503, {"status": "the engine has ended: random"})
        assert app.http.get("readyz").status_code == 503


TALE = "A dog met a wolf, and the wolf hound ran. " + "They went on and on, for a long way. " * 8
BEFORE = TALE.index("wolf")
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
