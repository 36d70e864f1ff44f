"""The app's API for programs: the real server over HTTP, called with Gradio's client and with plain requests."""

import json
import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import httpx
import pytest
from gradio_client import Client  # type: ignore[import-untyped]

from model import Blend, TextTrace, generate, score
from model.settings import MAX_SEED
from tests.support.app_server import App, eventually

ARGUMENTS: dict[str, Any] = {"prompt": "ROMEO:", "length": 30, "temperature": 0.8, "top_k": 0, "top_p": 1.0, "seed": 1}
DEFAULTS: dict[str, Any] = {"model": None, "stop": "", "hold": None, "blend_with": None, "share": None, "min_p": 0}
TIMEOUT_S = 120


@pytest.fixture(scope="module")
def client(app: App) -> Iterator[Client]:
    with httpx.Client(timeout=TIMEOUT_S):
        client = Client(app.url, verbose=False)
        yield client
        client.close()


def call(app: App, arguments: list[Any], endpoint: str = "generate") -> list[tuple[str, Any]]:
    """Return all messages of one call as (event, data)."""
    messages = (message.split("\n", 1) for message in app.call(endpoint, arguments).strip().split("\n\n"))
    shown = [(event.removeprefix("event: "), data.removeprefix("data: ")) for event, data in messages]
    return [(event, json.loads(data)) for event, data in shown if event != "heartbeat"]


def generated(app: App, **changed: Any) -> str:
    event, data = call(app, list((ARGUMENTS | DEFAULTS | changed).values()))[-1]
    assert event == "complete", data
    return str(data[0])


def test_the_api_has_three_endpoints_with_their_arguments_in_order(client: Client, app: App) -> None:
    endpoints: Any = client.view_api(return_format="dict")
    named = {
        name: [each["parameter_name"] for each in about["parameters"]]
        for name, about in endpoints["named_endpoints"].items()
    }
    settings = [*list(ARGUMENTS)[1:], *DEFAULTS]
    assert named == {
        "/generate": ["prompt", *settings],
        "/score": ["text", "model"],
        "/inspect": ["text", "layer", "cell", "model"],
    }
    parameters = endpoints["named_endpoints"]["/generate"]["parameters"]
    assert [each["parameter_name"] for each in parameters if each["parameter_has_default"]] == settings
    assert not endpoints["unnamed_endpoints"]
    document = app.http.get("api").text
    assert all(word in document for word in (*named, *settings, f'base_url="{app.url}v1"'))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"length": 60, "temperature": 0},
        {"temperature": 5, "top_k": 3},
        {"top_p": 0.3, "seed": 4294967295, "length": 12.0},
        {"temperature": 1.5, "min_p": 0.2, "model": None, "stop": "e"},
    ],
)
def test_the_text_equals_that_of_generate(app: App, settings: dict[str, Any]) -> None:
    arguments = {name: value for name, value in (ARGUMENTS | settings).items() if name != "model"}
    integers = {name: int(arguments[name]) for name in ("length", "top_k", "seed")}  # 12.0 is accepted as an integer
    assert generated(app, **settings) == generate(app.served("random").lm, **{**arguments, **integers})


def test_all_arguments_but_the_prompt_have_defaults(client: Client, app: App) -> None:
    """Gradio's client once required top_k."""
    lm = app.served("random").lm
    cases: list[dict[str, Any]] = [{}, {"temperature": 1.5}]
    for settings in cases:
        text, about = client.predict("ROMEO:", **settings, api_name="/generate")
        assert text == generate(lm, "ROMEO:", seed=about["seed"], **settings)
    text, about = call(app, ["ROMEO:"])[-1][1]
    assert text == generate(lm, "ROMEO:", seed=about["seed"])


@pytest.mark.parametrize("hold", [[[1, 5, -4]], [[0, 3.0, 8.0], [1, 5, 0.25], [0, 2, 0], [1, 23, -8]]])
def test_cells_are_clamped_as_in_generate(client: Client, app: App, hold: list[list[float]]) -> None:
    lm = app.served("random").lm
    text, about = client.predict(**ARGUMENTS, hold=hold, api_name="/generate")
    held = [(int(layer), int(cell), value) for layer, cell, value in hold]
    assert text == generate(lm, **ARGUMENTS, clamps=held) != generate(lm, **ARGUMENTS)
    assert about == {"seed": 1, "model": "random", "commit": None, "finish_reason": "length"}
    assert generated(app, hold=[]) == generate(lm, **ARGUMENTS)


@pytest.mark.parametrize("share", [None, 0, 0.3, 1])
def test_two_models_are_blended(client: Client, app: App, share: float | None) -> None:
    first, second = (app.served(name).lm.models[0] for name in ("random", "other"))
    arguments = {**ARGUMENTS, "blend_with": "other", **({} if share is None else {"share": share})}
    text, about = client.predict(**arguments, api_name="/generate")
    blend = Blend(first, second) if share is None else Blend(first, second, share)
    assert text == generate(blend, **ARGUMENTS)
    assert about.pop("share") == blend.share
    assert about == {"seed": 1, "model": "random", "commit": None, "blend_with": "other", "blend_commit": None,
                     "finish_reason": "length"}  # fmt: skip
    mixed = client.predict(**ARGUMENTS, model="other", blend_with="tale", api_name="/generate")[0]
    assert mixed == generate(Blend(second, app.served("tale").lm.models[0]), unknown="skip", **ARGUMENTS)


def test_score_returns_the_bits_of_each_character(client: Client, app: App) -> None:
    text = "To be\x00, or not"
    expected = score(app.served("random").lm.models[0], text)
    result = client.predict(text, api_name="/score")
    assert result["bits"] == [None if math.isnan(bits) else pytest.approx(bits) for bits in expected.bits]
    assert result["total"] == pytest.approx(sum(bits for bits in result["bits"] if bits is not None))
    assert result["bpc"] == pytest.approx(expected.bpc)
    assert result["unknown"] == [{"character": "\x00", "position": 5, "times": 1}]
    assert (result["model"], result["commit"]) == ("random", None)


GENERATE = ARGUMENTS | DEFAULTS
INSPECT = {"text": "x", "layer": 0, "cell": 0, "model": "random"}
INVALID: list[tuple[str, dict[str, Any], str, list[Any]]] = [  # endpoint, its arguments, and values of one of them
    ("generate", GENERATE, "length", [0, 10_001, 12.7, None, math.nan, int("9" * 4000)]),
    ("generate", GENERATE, "temperature", ["abc", [0.8], -1e-9, True]),
    ("generate", GENERATE, "top_k", [-1, None]),
    ("generate", GENERATE, "seed", [MAX_SEED + 1]),
    ("generate", GENERATE, "model", ["nobody/nothing", ["random"], 3, True, ""]),
    ("generate", GENERATE, "stop", ["x" * 101, 3]),
    ("generate", GENERATE, "hold", ["x", [[0, 0]], [[2, 0, 1]], [[0, 0.5, 1]], [[0, 0, None]], [[0, 0, 1]] * 2]),
    ("generate", GENERATE, "blend_with", ["nobody/nothing", 3, "random"]),
    ("generate", GENERATE, "share", [-0.1, 1.1, "0.5"]),
    ("generate", GENERATE, "prompt", [None, 3, ["a"], "x" * 20_001]),
    ("inspect", INSPECT, "text", ["x" * 2_001]),
    ("inspect", INSPECT, "layer", [2]),
    ("inspect", INSPECT, "cell", [True]),
    ("inspect", INSPECT, "model", ["none"]),
]


@pytest.mark.parametrize(("endpoint", "arguments", "field", "values"), INVALID)
def test_an_invalid_value_is_refused_in_one_line_that_names_it(
    app: App, endpoint: str, arguments: dict[str, Any], field: str, values: list[Any]
) -> None:
    for value in values:
        [(event, data)] = call(app, list({**arguments, field: value}.values()), endpoint)
        line = data["error"]
        assert event == "error"
        assert line.startswith(f"{field} "), line
        assert any(word in line for word in ("must be", "at most", "this model has", "one value only")), line
        assert "\n" not in line
        assert len(line) < 400


def test_a_client_that_disconnects_frees_its_slot(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = app.served("tale").engine
    monkeypatch.setattr(app.network("tale"), "delay_s", 0.005)
    arguments = [*(ARGUMENTS | {"length": 10_000}).values(), "tale"]
    posted = app.http.post("gradio_api/call/generate", json={"data": arguments})
    with httpx.stream("GET", f"{app.url}gradio_api/call/generate/{posted.json()['event_id']}") as response:
        lines = response.iter_lines()  # without a reference the iterator is closed, and with it the connection
        next(lines)
        eventually(lambda: engine.running == 1)
    eventually(lambda: engine.running == 0)


@pytest.mark.parametrize("text", ["ROMEO:\nis it", "To \u3042 be", ""])
def test_inspect_returns_the_values_and_gates_of_a_cell(client: Client, app: App, text: str) -> None:
    result = client.predict(text, 1, 5, "random", api_name="/inspect")
    served = app.served("random")
    trace = TextTrace(served.lm, precision=served.engine.precision)
    trace.set_text(text)
    cells = [round(float(token.cells[1, 5]), 4) if token.id >= 0 else None for token in trace.tokens()]
    assert result["c"] == cells
    steps = [step for step in zip(*(result[name] for name in "cifgo"), strict=True) if step[0] is not None]
    for (before, *_), (c, i, f, g, o) in pairwise(steps):
        assert f * before + i * g == pytest.approx(c, abs=0.002)
        assert 0 <= o <= 1
    assert [bits is None for bits in result["bits"]] == [c is None for c in cells]
    assert (result["names"], result["model"], result["commit"]) == ([], "random", None)
