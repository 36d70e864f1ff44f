"""The app's API as other programs meet it: the real server over HTTP, with Gradio's client and without."""

from __future__ import annotations

import asyncio
import html
import json
import math
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client  # type: ignore[import-untyped]
from gradio_client.exceptions import AppError  # type: ignore[import-untyped]

from model import Blend, TextTrace, generate, score
from model.engine.blend import DEFAULT_SHARE
from model.settings import SamplingParams
from tests.support.app_server import App, eventually, random_model, scripted_model, serving
from tests.support.tiny_models import tiny_model

TALE = "Once upon a time there was a small machine that wrote one character after another.\n"
ASKED: dict[str, Any] = {"prompt": "ROMEO:", "length": 30, "temperature": 0.8, "top_k": 0, "top_p": 1.0, "seed": 1}
REST: dict[str, Any] = {"model": None, "stop": "", "hold": None, "blend_with": None, "share": None, "min_p": 0}
TIMEOUT_S = 120


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    models = {"random": random_model(), "tale": scripted_model(TALE), "other": random_model(3)}
    with serving({**models, "foreign": tiny_model("äö")}) as app:
        yield app


@pytest.fixture(scope="module")
def client(app: App) -> Iterator[Client]:
    with httpx.Client(timeout=TIMEOUT_S):
        client = Client(app.url, verbose=False)
        yield client
        client.close()


def ask(app: App, arguments: list[Any] | str, endpoint: str = "generate") -> list[tuple[str, Any]]:
    """Every message of one call as (event, data), by plain HTTP."""
    body = arguments if isinstance(arguments, str) else json.dumps({"data": arguments})
    address = f"{app.url}gradio_api/call/{endpoint}"
    posted = httpx.post(address, content=body, headers={"content-type": "application/json"}, timeout=TIMEOUT_S)
    posted.raise_for_status()
    answer = httpx.get(f"{address}/{posted.json()['event_id']}", timeout=TIMEOUT_S).text
    return list(messages(answer))


def messages(stream: str) -> Iterator[tuple[str, Any]]:
    for message in stream.strip().split("\n\n"):
        event, data = message.split("\n", 1)
        if event != "event: heartbeat":
            yield event.removeprefix("event: "), json.loads(data.removeprefix("data: "))


def refusal(app: App, endpoint: str = "generate", **changed: Any) -> str:
    """The one line that a call with a bad value gets."""
    arguments = ASKED | REST | changed if endpoint == "generate" else changed
    [(event, data)] = ask(app, list(arguments.values()), endpoint)
    assert event == "error", changed
    assert data["error"], f"an error without a word: {changed}"
    assert "\n" not in data["error"]
    assert str(Path.cwd()) not in data["error"]
    return str(data["error"])


def written(app: App, **changed: Any) -> str:
    """The text that a call gets."""
    event, data = ask(app, list((ASKED | REST | changed).values()))[-1]
    assert event == "complete", data
    return str(data[0])


def test_three_endpoints_with_their_arguments_in_order(client: Client) -> None:
    endpoints: Any = client.view_api(return_format="dict")
    named = {
        name: [argument["parameter_name"] for argument in about["parameters"]]
        for name, about in endpoints["named_endpoints"].items()
    }
    assert named == {
        "/generate": [
            "prompt",
            "length",
            "temperature",
            "top_k",
            "top_p",
            "seed",
            "model",
            "stop",
            "hold",
            "blend_with",
            "share",
            "min_p",
        ],
        "/score": ["text", "model"],
        "/inspect": ["text", "layer", "cell", "model"],
    }
    assert not endpoints["unnamed_endpoints"]
    optional = [each["parameter_name"] for each in endpoints["named_endpoints"]["/generate"]["parameters"]
                if each["parameter_has_default"]]  # fmt: skip
    assert optional == named["/generate"][1:]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"temperature": 0, "length": 60},
        {"temperature": 1e-300},
        {"temperature": 5, "top_k": 3},
        {"top_k": 10**6, "length": 12.0},
        {"top_p": 0.3, "seed": 4294967295},
        {"temperature": 1.5, "min_p": 0.2},
        {"temperature": 1.0, "top_k": 5.0, "top_p": 1, "seed": 0.0, "model": None, "stop": "e"},
    ],
)
def test_the_text_is_that_of_generate(app: App, settings: dict[str, Any]) -> None:
    arguments = {name: value for name, value in (ASKED | settings).items() if name != "model"}
    whole = {name: int(arguments[name]) for name in ("length", "top_k", "seed")}  # 12.0 is a whole number too
    assert written(app, **settings) == generate(app.served("random").lm, **{**arguments, **whole})


def test_each_message_holds_the_text_so_far(client: Client, app: App) -> None:
    job = client.submit(*ASKED.values(), model="tale", api_name="/generate")
    said = list(job)
    assert said[-1] == (
        TALE[1:31],  # of the prompt it knows two letters, and the first was read before
        {"seed": 1, "model": "tale", "commit": None, "finish_reason": "length"},
    )
    for (before, about), (after, _) in pairwise(said):
        assert after.startswith(before)
        assert about == {"seed": 1, "model": "tale", "commit": None, "finish_reason": None} or before == after


def test_a_long_reply_comes_in_pieces(app: App) -> None:
    network = app.network("tale")
    network.delay_s = 0.005
    try:
        said = ask(app, [*(ASKED | {"length": 400}).values(), "tale"])
    finally:
        network.delay_s = 0.0
    assert len({data[0] for _, data in said}) >= 8


def test_the_prompt_alone_is_enough(client: Client, app: App) -> None:
    """All other arguments have the defaults of the page; Gradio's client once asked for top_k."""
    lm = app.served("random").lm
    text, about = client.predict("ROMEO:", api_name="/generate")
    assert text == generate(lm, "ROMEO:", seed=about["seed"])
    text, about = client.predict("ROMEO:", temperature=1.5, api_name="/generate")
    assert text == generate(lm, "ROMEO:", temperature=1.5, seed=about["seed"])
    text, about = ask(app, ["ROMEO:"])[-1][1]
    assert text == generate(lm, "ROMEO:", seed=about["seed"])


def test_without_a_seed_one_is_drawn_and_said(app: App) -> None:
    replies = [ask(app, [*(ASKED | {"seed": None}).values()])[-1][1] for _ in range(2)]
    (first, about), (second, other) = replies
    assert about["seed"] != other["seed"]
    assert first != second
    assert written(app, seed=about["seed"]) == first
    [*_, (_, (_, named))] = ask(app, list(ASKED.values())[:5])
    assert isinstance(named["seed"], int)


def test_the_stop_text_ends_the_reply_and_is_not_part_of_it(app: App) -> None:
    text, about = ask(app, [*(ASKED | {"prompt": "", "length": 500}).values(), "tale", " small"])[-1][1]
    assert (text, about["finish_reason"]) == ("Once upon a time there was a", "stop")


@pytest.mark.parametrize("hold", [[[1, 5, -4]], [[0, 3.0, 8.0], [1, 5, 0.25], [0, 2, 0], [1, 23, -8]]])
def test_cells_are_held_as_generate_holds_them(client: Client, app: App, hold: list[list[float]]) -> None:
    lm = app.served("random").lm
    text, about = client.predict(**ASKED, hold=hold, api_name="/generate")
    held = [(int(layer), int(cell), value) for layer, cell, value in hold]
    assert text == generate(lm, **ASKED, clamps=held) != generate(lm, **ASKED)
    assert about == {"seed": 1, "model": "random", "commit": None, "finish_reason": "length"}
    assert written(app, hold=[]) == generate(lm, **ASKED)


@pytest.mark.parametrize("share", [None, 0, 0.3, 1])
def test_two_models_write_together(client: Client, app: App, share: float | None) -> None:
    first, second = (app.served(name).lm.models[0] for name in ("random", "other"))
    asked = {**ASKED, "blend_with": "other", **({} if share is None else {"share": share})}
    text, about = client.predict(**asked, api_name="/generate")
    blend = Blend(first, second) if share is None else Blend(first, second, share)
    assert text == generate(blend, **ASKED)
    assert about.pop("share") == blend.share
    assert about == {"seed": 1, "model": "random", "commit": None, "blend_with": "other", "blend_commit": None,
                     "finish_reason": "length"}  # fmt: skip
    mixed = client.predict(**ASKED, model="other", blend_with="tale", api_name="/generate")[0]
    assert mixed == generate(Blend(second, app.served("tale").lm.models[0]), unknown="skip", **ASKED)


def test_score_gives_the_bits_of_each_character(client: Client, app: App) -> None:
    text = "To be\x00, or not"
    expected = score(app.served("random").lm.models[0], text)
    result = client.predict(text, api_name="/score")
    assert result["bits"] == [None if math.isnan(bits) else pytest.approx(bits) for bits in expected.bits]
    assert result["total"] == pytest.approx(sum(bits for bits in result["bits"] if bits is not None))
    assert result["bpc"] == pytest.approx(expected.bpc)
    assert result["unknown"] == [{"character": "\x00", "position": 5, "times": 1}]
    assert (result["model"], result["commit"]) == ("random", None)


def test_score_of_nothing_and_of_half_a_surrogate_pair(app: App) -> None:
    nothing = ask(app, [""], "score")[-1][1][0]
    assert (nothing["bits"], nothing["total"], nothing["bpc"]) == ([], 0.0, None)
    half = ask(app, ["a\ud800"], "score")[-1][1][0]
    assert half["bits"][1] is None
    assert half["unknown"][0]["character"] == "U+D800"


BAD: dict[str, list[Any]] = {
    "length": [0, -1, 10**9, 10_001, 12.7, True, "abc", None, [], math.nan, math.inf, int("9" * 4000)],
    "temperature": [math.nan, math.inf, -math.inf, -1, 5.01, True, "abc", None, [0.8], {"a": 1}],
    "top_k": [-1, 1.5, None, "3", math.nan],
    "top_p": [0, -0.1, 1.01, math.nan, None, True],
    "min_p": [-0.1, 1.01, math.nan, None, True],
    "seed": [2**32, -1, 1.5, math.nan, "7", False],
    "model": ["nobody/nothing", ["random"], 3, True, ""],
    "stop": ["x" * 101, 3, ["x"]],
    "hold": [
        3,
        "x",
        [3],
        [[]],
        [[0, 0]],
        [[2, 0, 1]],
        [[0, 24, 1]],
        [[0, -1, 1]],
        [[0, 0.5, 1]],
        [[True, 0, 1]],
        [[0, 0, 9]],
        [[0, 0, math.nan]],
        [[0, 0, "4"]],
        [[0, 0, None]],
        [[0, 0, 1], [0, 0, 2]],
        {"a": 1},
        [[0, 0, [1]]],
        [{"path": "etc/passwd", "meta": {"_type": "gradio.FileData"}}],
    ],
    "blend_with": ["nobody/nothing", "", 3, True, ["other"], "random"],
    "share": [-0.1, 1.1, math.nan, "0.5", True, [0.5]],
    "prompt": [None, 3, ["a"], {"path": "etc/passwd", "meta": {"_type": "gradio.FileData"}}, "x" * 20_001],
}


@pytest.mark.parametrize("field", BAD)
def test_a_bad_value_gets_one_line_that_names_it(app: App, field: str) -> None:
    for value in BAD[field]:
        line = refusal(app, **{field: value})
        assert line.startswith(f"{field} "), line
        assert any(word in line for word in ("must be", "are allowed", "this model has", "one value only")), line
    assert written(app) == generate(app.served("random").lm, "ROMEO:", 30, temperature=0.8, seed=1)


def test_what_cannot_write_together_is_refused_in_a_line(app: App) -> None:
    assert refusal(app, hold=[[0, 0, 1]], blend_with="other") == (
        "hold is given: the cells of two models that write together cannot be held"
    )
    assert (
        refusal(app, blend_with="random")
        == "blend_with is 'random': it must be another model, for this one writes already"
    )
    assert refusal(app, blend_with="foreign").startswith("random and foreign have no character in common")
    assert refusal(app, hold=[[0, cell, 1] for cell in range(5)]).startswith("At most 4 cells can be held at once")


def test_what_is_missing_is_named_and_what_is_too_much_ignored(app: App) -> None:
    [(event, data)] = ask(app, [])
    assert (event, data["error"]) == ("error", "prompt is missing: /generate needs it")
    assert ask(app, [*ASKED.values(), *REST.values(), "more", 1, None])[-1][0] == "complete"


@pytest.mark.parametrize("text", [None, 3, ["a"], "x" * 20_001])
def test_a_bad_text_to_score(app: App, text: Any) -> None:
    assert refusal(app, "score", text=text).startswith("text ")


@pytest.mark.parametrize(
    "body", ["", "{", "[]", "null", "[" * 100_000, '{"data":' + "[" * 100_000 + "]" * 100_000 + "}",
             '{"data": [%s]}' % ("9" * 5000), b"\xff\xfe", '{"data": {}}', "{}"],
)  # fmt: skip
def test_a_body_that_is_no_call_is_refused(app: App, body: str | bytes) -> None:
    address = f"{app.url}gradio_api/call/generate"
    answer = httpx.post(address, content=body, headers={"content-type": "application/json"}, timeout=TIMEOUT_S)
    assert 400 <= answer.status_code < 500
    assert written(app)


def test_a_number_that_only_json_can_hold(app: App) -> None:
    [(event, data)] = ask(app, '{"data": ["a", 1e400, 0.8, 0, 1, 1]}')
    assert (event, data["error"].split(":")[0]) == ("error", "length is inf")


def test_an_unknown_endpoint_and_someone_elses_event(app: App) -> None:
    answer = httpx.post(f"{app.url}gradio_api/call/nothing", json={"data": []})
    assert answer.status_code == 404
    assert "no such endpoint" in answer.text
    cancel = {"session_hash": "someone", "fn_index": 0, "event_id": "0" * 32}
    assert httpx.post(f"{app.url}gradio_api/cancel", json=cancel).status_code == 200
    assert written(app)


PROMPTS = [
    "",
    "   \n\t ",
    "кирилица",
    "\ud800",
    "a\udfffb",
    "\x00\x07\x1b",
    "e\u0301 \U0001f469\u200d\U0001f4bb \U0001f1e9\U0001f1ea",
    "a\r\nb\rc\u2028d",
    "\u202eabc",
    '<script>alert(1)</script><img src=x onerror="alert(1)">[x](javascript:1)$$x$$ &lt;\t  ',
    "x" * 20_000,
]


@pytest.mark.parametrize("prompt", PROMPTS, ids=[repr(prompt)[:20] for prompt in PROMPTS])
def test_any_text_is_a_prompt(app: App, prompt: str) -> None:
    lm = app.served("random").lm
    assert written(app, prompt=prompt, length=40) == generate(lm, prompt, 40, temperature=0.8, seed=1, unknown="skip")


def test_a_long_text_is_refused_in_words_and_one_of_twenty_megabytes_unread(app: App) -> None:
    assert refusal(app, prompt="x" * 200_000) == "prompt has 200,000 characters: at most 20,000 are allowed"
    answer = httpx.post(f"{app.url}gradio_api/call/generate", json={"data": ["x" * 20_000_000]}, timeout=TIMEOUT_S)
    assert answer.status_code == 413


@pytest.mark.parametrize("at", [0, 1, 10, 39])
def test_a_fault_in_the_model_ends_that_reply_alone(app: App, at: int) -> None:
    network = app.network("tale")
    network.fail_at = at
    try:
        *said, (event, data) = ask(app, [*(ASKED | {"prompt": "", "length": 40}).values(), "tale"])
        assert event == "error"
        assert data["error"] == "the model failed: RuntimeError while writing"
        assert all(TALE[:at].startswith(text) for _, (text, _) in said)
        assert written(app)
    finally:
        network.fail_at = None
    assert written(app, prompt="", length=40, model="tale") == TALE[:40]


def test_the_page_has_no_functions_beside_these(app: App) -> None:
    """What the page asks for has routes of its own, with tests of their own."""
    config = httpx.get(f"{app.url}config").json()
    assert {each["api_name"] for each in config["dependencies"]} == {"generate", "score", "inspect"}


def test_many_at_once_get_each_their_own_text(app: App) -> None:
    lm = app.served("random").lm

    async def one(client: httpx.AsyncClient, seed: int) -> str:
        arguments = [*(ASKED | {"seed": seed, "length": 60}).values()]
        posted = await client.post(f"{app.url}gradio_api/call/generate", json={"data": arguments})
        answer = await client.get(f"{app.url}gradio_api/call/generate/{posted.json()['event_id']}")
        return str(list(messages(answer.text))[-1][1][0])

    async def all_of_them() -> list[str]:
        async with httpx.AsyncClient(timeout=TIMEOUT_S, limits=httpx.Limits(max_connections=None)) as client:
            return await asyncio.gather(*[one(client, seed) for seed in range(24)])

    texts = asyncio.run(all_of_them())
    assert texts == [generate(lm, "ROMEO:", 60, temperature=0.8, seed=seed) for seed in range(24)]


def test_a_client_that_vanishes_frees_its_row(app: App) -> None:
    served = app.served("tale")
    app.network("tale").delay_s = 0.005
    try:
        for _ in range(3):
            arguments = [*(ASKED | {"length": 10_000}).values(), "tale"]
            posted = httpx.post(f"{app.url}gradio_api/call/generate", json={"data": arguments})
            with httpx.stream("GET", f"{app.url}gradio_api/call/generate/{posted.json()['event_id']}") as answer:
                lines = answer.iter_lines()  # kept: without it the connection ends
                next(lines)
                eventually(lambda: served.engine.running == 1)
            eventually(lambda: served.engine.running == 0)
    finally:
        app.network("tale").delay_s = 0.0


def test_one_client_has_a_few_rows_and_keeps_nobody_else_waiting(app: App) -> None:
    tale, engine = app.network("tale"), app.served("tale").engine
    tale.delay_s = 0.01
    greedy, modest = (Client(app.url, verbose=False) for _ in range(2))
    asked = {**ASKED, "length": 10_000, "model": "tale", "api_name": "/generate"}
    jobs = [greedy.submit(**asked) for _ in range(engine.max_slots_per_client + 2)]
    try:
        # Those that have just come wait too, until the next step takes them.
        eventually(lambda: (engine.running, engine.waiting) == (engine.max_slots_per_client, 2))
        jobs.append(modest.submit(**asked))
        eventually(lambda: engine.running == engine.max_slots_per_client + 1)
        assert engine.waiting == 2
    finally:
        for job in jobs:
            job.cancel()
        tale.delay_s = 0.0
        eventually(lambda: engine.idle)
        for client in (greedy, modest):
            client.close()


def test_a_client_that_never_reads_ends_by_the_wall_clock(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.conversation.progress.DEADLINE_S", 0.5)
    app.network("tale").delay_s = 0.005
    try:
        arguments = [*(ASKED | {"length": 10_000}).values(), "tale"]
        posted = httpx.post(f"{app.url}gradio_api/call/generate", json={"data": arguments})
        eventually(lambda: app.served("tale").engine.running == 1)
        eventually(lambda: app.served("tale").engine.running == 0)
        answer = httpx.get(f"{app.url}gradio_api/call/generate/{posted.json()['event_id']}", timeout=TIMEOUT_S)
        assert list(messages(answer.text))[-1][1][1]["finish_reason"] == "time"
    finally:
        app.network("tale").delay_s = 0.0


def test_when_too_many_wait_the_next_is_told_so(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.served("random").engine, "max_waiting", 0)
    monkeypatch.setattr(app.served("random").engine, "max_slots", 0)
    [(event, data)] = ask(app, list(ASKED.values()))
    assert event == "error"
    assert "try again in a moment" in data["error"]


def test_the_engines_write_in_one_thread_a_model(app: App) -> None:
    names = [thread.name for thread in threading.enumerate() if thread.name.startswith("engine ")]
    assert {"engine random", "engine tale"} <= set(names)


def test_the_document_itself_shows_what_the_model_writes(app: App) -> None:
    welcome_text = app.served("random").welcome_text
    assert "<" in welcome_text, "this test is about a greeting with markup in it"
    document = httpx.get(app.url).text
    assert f"<pre>{html.escape(welcome_text)}</pre>" in document
    assert document.count('id="early"') == 1
    assert document.index('id="early"') < document.index("<gradio-app")
    assert "early" not in httpx.get(f"{app.url}gradio_api/info").text


def test_defaults_are_those_of_sampling_params(app: App) -> None:
    assert app.page
    settings = httpx.get(f"{app.url.rstrip('/')}{app.page.web.base()}settings.json").json()["settings"]
    values = {name: setting["default"] for name, setting in settings.items()}
    assert values == {
        "temperature": SamplingParams.temperature,
        "length": SamplingParams.length,
        "top_k": SamplingParams.top_k,
        "top_p": SamplingParams.top_p,
        "min_p": SamplingParams.min_p,
        "speed": 60,
        "seed": None,
        "share": DEFAULT_SHARE,
    }
    with pytest.raises(AppError):
        Client(app.url, verbose=False).predict("a", 0, 1, 0, 1, api_name="/generate")


@pytest.mark.parametrize("text", ["ROMEO:\nis it", "To \u3042 be", "", "\u3042"])
def test_inspect_tells_what_a_cell_does(app: App, text: str) -> None:
    told = Client(app.url, verbose=False).predict(text, 1, 5, "random", api_name="/inspect")
    served = app.served("random")
    reading = TextTrace(served.lm, precision=served.engine.precision)
    reading.set_text(text)
    cells = [round(float(seen.cells[1, 5]), 4) if seen.id >= 0 else None for seen in reading.tokens()]
    assert told["c"] == cells
    before = 0.0
    looked = 0
    for c, i, f, g, o in zip(*(told[name] for name in "cifgo"), strict=True):
        if c is not None:
            # The first has a line end before it, which is not told of.
            assert not looked or f * before + i * g == pytest.approx(c, abs=0.002)
            assert 0 <= o <= 1
            before, looked = c, looked + 1
    assert [bits is None for bits in told["bits"]] == [c is None for c in cells]
    assert (told["names"], told["model"], told["commit"]) == ([], "random", None)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["x" * 2001], "text has 2,001 characters: at most 2,000 are allowed"),
        ([None], "text is None: it must be a text"),
        (["x", 2], "layer is 2: it must be a whole number from 0 to 1"),
        (["x", 0, 24], "cell is 24: it must be a whole number from 0 to 23"),
        (["x", 0.5], "layer is 0.5"),
        (["x", True], "layer is True"),
        (["x", None], "layer is None"),
        (["x", 0, 0, "none"], "model is 'none'"),
    ],
)
def test_inspect_refuses_in_a_line_what_is_not_there(app: App, arguments: list[Any], words: str) -> None:
    arguments = [*arguments, *["x", 0, 0, "random"][len(arguments) :]]
    posted = httpx.post(f"{app.url}gradio_api/call/inspect", json={"data": arguments})
    answer = httpx.get(f"{app.url}gradio_api/call/inspect/{posted.json()['event_id']}", timeout=TIMEOUT_S)
    [(event, data)] = messages(answer.text)
    assert event == "error"
    assert words in data["error"]
