"""What the one who serves a page decides: words that are not shown, rows a visitor may hold, title and greeting."""

from __future__ import annotations

import asyncio
import html
import json
import signal
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import httpx
import pytest

import app as entry
from model import BlockedWords, CharLSTM
from tests.support.app_server import App, random_model, scripted_model, serving
from tests.support.page_client import LIMITS, TIMEOUT_S, Visitor
from tests.support.platforms import posix_only
from ui.registry.registry import ModelRegistry
from ui.site_config import TITLE, SiteConfig

TALE = "A dog met a wolf, and the wolf hound ran. " + "They went on and on, for a long way. " * 8
BEFORE = TALE.index("wolf")
FAST = 200
TITLE_HERE, GREETING_HERE = "Tales <b>&", "Fairy tales, ${1+1} {{value}} <i>only</i>."


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    site = SiteConfig(TITLE_HERE, GREETING_HERE, rows_each=1, blocked=BlockedWords(["Wolf", "<b>"]))
    registry = ModelRegistry(site=site)
    registry.add("tale", scripted_model(TALE))
    registry.add(
        "random", CharLSTM(random_model().network, random_model().tokenizer, {"examples": ["a wolf", "a dog"]})
    )
    registry.start()
    assert registry.wait(60)
    with serving(registry) as app:
        yield app


def visit(app: App, story: Callable[[Visitor], Coroutine[Any, Any, Any]]) -> Any:
    async def whole() -> Any:
        async with httpx.AsyncClient(timeout=TIMEOUT_S, limits=LIMITS) as http:
            return await story(Visitor(http, app.url, (await http.get(f"{app.url}config")).json()))

    return asyncio.run(whole())


def text_of(view: list[dict[str, Any]]) -> str:
    return "".join(line.get("text", "") for line in view)


def test_a_reply_ends_before_a_word_and_no_piece_of_it_is_sent(app: App) -> None:
    async def story(visitor: Visitor) -> None:
        token = await visitor.send("", Length=100, Speed=60)
        lines = [line async for line in visitor.read(token)]
        assert text_of(lines) == TALE[:BEFORE]
        assert lines[-1]["say"].endswith("stopped before a blocked word")
        view = await visitor.settle(token)
        assert text_of(view) == TALE[:BEFORE]
        # Continue comes to the same word: the memory is that before it.
        more, said = await visitor.reply((await visitor.press("Continue", Length=100, Speed=FAST))[-1]["stream"])
        assert (more, said[-1]["say"].split(" · ")[-1]) == ("", "stopped before a blocked word")

    visit(app, story)


def test_a_prompt_with_a_word_is_refused_and_so_is_the_rest_of_one(app: App) -> None:
    async def story(visitor: Visitor) -> None:
        [*_, said] = await visitor.press("Send", Prompt="the WOLF!", Length=20, Speed=FAST)
        assert said == {"refusal": "Prompt contains a blocked word: please rephrase"}
        # A prompt that leaves it in the middle of the word; of a prompt the model goes on with its last character.
        text, _ = await visitor.reply(await visitor.send("A" + TALE[: BEFORE + 2], Length=20, Speed=FAST))
        assert text == ""

    visit(app, story)


def test_a_rewind_does_not_uncover_a_word(app: App) -> None:
    async def story(visitor: Visitor) -> None:
        token = await visitor.send("", Length=20, Speed=FAST, Model="random", Temperature=0.8)
        text, _ = await visitor.reply(token)
        await visitor.settle(token)
        about: dict[str, Any] = {"turn": 1, "keep": 4, "pick": "f", "new_seed": False}
        site = app.served("random").engine
        kept, site.blocked = site.blocked, BlockedWords([text[:3].strip() + "f", text[:3] + "f"])
        try:
            view = await visitor.press("view", "rewind", about, Speed=FAST)
        finally:
            site.blocked = kept
        assert view[-1] == {"refusal": "Cut there, the text would end with a blocked word."}
        assert text_of(view) == text

    visit(app, story)


def test_a_link_with_a_word_is_refused_before_it_is_shown_and_one_that_comes_to_it_says_so(app: App) -> None:
    async def story(visitor: Visitor) -> None:
        view = await visitor.press("view", "follow", {"query": "?prompt=a+wolf&seed=1&length=20"})
        assert view[-1] == {"refusal": "Prompt contains a blocked word: please rephrase"}
        assert "wolf" not in json.dumps(view)
        view = await visitor.press(
            "view", "follow", {"query": "?prompt=&seed=1&length=60&text=0123456789abcdef"}, Speed=FAST
        )
        token = view[-1]["stream"]
        await visitor.reply(token)
        assert {
            "say": "It came to a blocked word, so it can't be checked.",
            "as": "mark",
        } in await visitor.settle(token)
        # What is shared of it is the text as it was shown, which is written again to its end.
        shared = (await visitor.press("Share"))[-1]["share"]
        await visitor.press("Clear")
        token = (await visitor.press("view", "follow", {"query": shared}, Speed=FAST))[-1]["stream"]
        assert (await visitor.reply(token))[0] == TALE[:BEFORE]
        assert any("The same text" in line.get("say", "") for line in await visitor.settle(token))

    visit(app, story)


def test_a_link_is_not_offered_with_a_word_in_it(app: App) -> None:
    session = "someone"
    config = httpx.get(f"{app.url}config").json()
    load = next(each["id"] for each in config["dependencies"] if ["load"] in [[t[1]] for t in each["targets"]])
    call = {"data": [None], "fn_index": load, "session_hash": session}
    httpx.post(f"{app.url}gradio_api/queue/join?prompt=a+wolf&seed=1", json=call).raise_for_status()
    answer = httpx.get(f"{app.url}gradio_api/queue/data?session_hash={session}", timeout=TIMEOUT_S).text
    assert "refusal.blocked_word" in answer
    assert "a wolf" not in answer


def test_the_api_ends_and_refuses_alike(app: App) -> None:
    def ask(prompt: str) -> str:
        call = f"{app.url}gradio_api/call/generate"
        posted = httpx.post(call, json={"data": [prompt, 60, 0.8, 0, 1, 1]}, timeout=TIMEOUT_S)
        return httpx.get(f"{call}/{posted.json()['event_id']}", timeout=TIMEOUT_S).text

    text, about = json.loads(ask("").strip().rpartition("data: ")[2])
    assert (text, about["finish_reason"]) == (TALE[:BEFORE], "blocked")
    assert "prompt contains a blocked word" in ask("wolf")


def test_neither_the_sample_nor_the_examples_hold_a_word(app: App) -> None:
    assert app.served("tale").welcome_text
    assert TALE[:BEFORE].startswith(app.served("tale").welcome_text)
    assert app.served("random").examples == ("a dog",)
    assert "wolf" not in httpx.get(app.url).text


def test_another_sample_is_written_where_the_first_comes_to_a_word() -> None:
    plain = ModelRegistry().add("random", random_model())
    word = max(plain.welcome_text.split(), key=lambda each: (each.isalnum(), len(each)))
    served = ModelRegistry(site=SiteConfig(blocked=BlockedWords([word]))).add("random", random_model())
    assert served.welcome_text != plain.welcome_text
    assert len(served.welcome_text) > 100
    for each in (plain, served):
        each.engine.stop()


def test_rows_that_one_visitor_may_hold(app: App) -> None:
    assert {served.engine.max_slots_per_client for served in app.registry.loaded_models} == {1}


def test_title_and_greeting_are_those_of_the_owner_and_plain_text(app: App) -> None:
    document = httpx.get(app.url).text
    assert f"<title>{html.escape(TITLE_HERE)}</title>" in document
    assert f"<h1>{html.escape(TITLE_HERE)}</h1><p>{html.escape(GREETING_HERE)}</p>" in document
    config = httpx.get(f"{app.url}config").json()
    assert config["title"] == TITLE_HERE
    assert any(html.escape(GREETING_HERE) in str(part["props"].get("value")) for part in config["components"])


@pytest.mark.parametrize("environment", [{}, {"PAGE_TITLE": " ", "ROWS_EACH": "", "BLOCKED_WORDS": " ,\n"}])
def test_without_variables_all_is_as_ever(environment: dict[str, str]) -> None:
    site = SiteConfig.of(environment)
    assert (site.title, site.welcome_text, site.rows_each, bool(site.blocked)) == (TITLE, "", 4, False)


def test_words_are_parted_by_commas_and_line_ends() -> None:
    site = SiteConfig.of({"BLOCKED_WORDS": "one, two words\r\nthree\n", "ROWS_EACH": "2", "PAGE_TITLE": " A\n B "})
    assert [site.blocked.inside(text) for text in ("One", "two  words", "three", "two", "four")] == [
        True, True, True, False, False,
    ]  # fmt: skip
    assert (site.rows_each, site.title) == (2, "A B")


@posix_only
@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("ROWS_EACH", "0", "ROWS_EACH is '0': it must be a whole number from 1 to 256"),
        ("ROWS_EACH", "two", "ROWS_EACH is 'two': it must be a whole number from 1 to 256"),
        ("ROWS_EACH", "1e2", "ROWS_EACH is '1e2': it must be a whole number from 1 to 256"),
        ("PAGE_TITLE", "x" * 61, "PAGE_TITLE has 61 characters: at most 60 are allowed"),
        ("PAGE_GREETING", "x" * 1001, "PAGE_GREETING has 1,001 characters: at most 1,000 are allowed"),
        ("PAGE_TITLE", "a\udcff", "PAGE_TITLE is not text in UTF-8"),
        (
            "BLOCKED_WORDS",
            "x" * 101,
            f"BLOCKED_WORDS: the blocked word '{'x' * 20}' has 101 characters: at most 100 are",
        ),
        (
            "BLOCKED_WORDS",
            "a,\u200b",
            "BLOCKED_WORDS: the blocked word '\\u200b' has 1 characters: none of them is visible",
        ),
    ],
)
def test_a_variable_that_cannot_be_followed_ends_the_start_with_one_line(
    name: str, value: str, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, value)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        assert entry.main([]) == 2
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    said = capsys.readouterr().err
    assert said.startswith(f"app.py: {line}")
    assert said.count("\n") == 1
