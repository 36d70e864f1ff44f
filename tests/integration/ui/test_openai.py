"""OpenAI's protocol, with the real client."""

import asyncio
import json
import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import openai
import pytest

from model import BlockedWords, generate
from model.scoring import score
from tests.support.app_server import App, eventually, scripted_model, serving

SETTINGS = {"seed": 1, "temperature": 0.8, "max_tokens": 60}


@pytest.fixture(scope="module")
def client(app: App) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{app.url}v1", api_key="none", max_retries=0)


def test_the_models_are_listed(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["random", "other", "tale", "chat", "foreign"]
    assert client.models.retrieve("chat").owned_by == "char-lstm"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nobody")


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"top_p": 0.9, "extra_body": {"top_k": 5, "min_p": 0.01}},
        {"temperature": 0, "extra_body": {"top_k": -1}},
        {"stop": ["e"], "user": "ada", "presence_penalty": 0},
    ],
)
def test_a_completion_is_the_text_of_generate(client: openai.OpenAI, app: App, settings: dict[str, Any]) -> None:
    given = {**SETTINGS, "model": "random", "prompt": "ROMEO:", **settings}
    answer = client.completions.create(**given)
    changed = {name: value for name, value in settings.items() if name in ("top_p", "temperature")}
    extra = {name: value for name, value in settings.get("extra_body", {}).items() if value != -1}
    stop = settings.get("stop", [""])[0]
    lm = app.served("random").lm
    expected = generate(lm, "ROMEO:", 60, **{"temperature": 0.8, "seed": 1, "stop": stop, **changed, **extra})
    assert answer.choices[0].text == expected
    assert answer.choices[0].finish_reason == ("stop" if stop else "length")
    assert answer.usage
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (6, len(expected))
    streamed = list(client.completions.create(**given, stream=True, stream_options={"include_usage": True}))
    assert "".join(chunk.choices[0].text for chunk in streamed if chunk.choices) == expected
    assert streamed[-1].usage == answer.usage


def test_several_prompts_and_choices_have_a_seed_each(client: openai.OpenAI, app: App) -> None:
    lm = app.served("random").lm
    expected = [generate(lm, "ab"[at // 2], 30, seed=7 + at) for at in range(4)]
    given: dict[str, Any] = {"model": "random", "prompt": ["a", "b"], "n": 2, "seed": 7, "max_tokens": 30}
    answer = client.completions.create(**given)
    assert [choice.text for choice in answer.choices] == expected
    texts = [""] * 4
    for chunk in client.completions.create(**given, stream=True):
        texts[chunk.choices[0].index] += chunk.choices[0].text
    assert texts == expected


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("max_tokens", [0, 60])
def test_the_probabilities_are_those_of_score(client: openai.OpenAI, app: App, stream: bool, max_tokens: int) -> None:
    lm = app.served("random").lm.models[0]
    given = {**SETTINGS, "model": "random", "prompt": "ROM\0EO:", "max_tokens": max_tokens, "echo": True, "logprobs": 3}
    answer = client.completions.create(**given, stream=stream)  # type: ignore[call-overload]
    choices = [chunk.choices[0] for chunk in answer] if stream else answer.choices
    text = "".join(choice.text for choice in choices)
    assert len(text) == 7 + max_tokens
    parts = [choice.logprobs for choice in choices if choice.logprobs]
    found = [each for part in parts for each in part.token_logprobs]
    expected = [
        None if math.isnan(bits) else pytest.approx(-bits * math.log(2), abs=1e-4) for bits in score(lm, text).bits
    ]
    assert found == expected
    assert [each for part in parts for each in part.tokens] == list(text)
    assert [each for part in parts for each in part.text_offset] == list(range(len(text)))
    tops = [each for part in parts for each in part.top_logprobs]
    assert [len(each) for each in tops] == [0 if logprob is None else 3 for logprob in found]
    for token, logprob, top in zip(text, found, tops, strict=True):
        assert top.get(token, logprob) == logprob


def test_a_chat_model_writes_the_next_message(client: openai.OpenAI, app: App) -> None:
    lm = app.served("chat").lm
    messages: Any = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello!"},
        {"role": "user", "content": [{"type": "text", "text": "And you?"}]},
    ]
    text = "Ann: Hi\nBo: Hello!\nAnn: And you?\nBo: "
    expected = generate(lm, text, 200, seed=3, stop="\n")
    given: dict[str, Any] = {"model": "chat", "messages": messages, "seed": 3, "max_tokens": 200}
    answer = client.chat.completions.create(**given, logprobs=True, top_logprobs=2)
    assert answer.choices[0].message.content == expected
    assert answer.choices[0].logprobs
    content = answer.choices[0].logprobs.content or []
    assert ("".join(each.token for each in content), len(content[0].top_logprobs)) == (expected, 2)
    chunks = [chunk.choices[0] for chunk in client.chat.completions.create(**given, stream=True)]
    assert "".join(chunk.delta.content or "" for chunk in chunks) == expected
    assert chunks[0].delta.role == "assistant"
    assert chunks[-1].finish_reason == answer.choices[0].finish_reason


REFUSED = [
    ({"max_tokens": 0}, "max_tokens"),
    ({"temperature": 9}, "temperature"),
    ({"n": 9}, "n"),
    ({"prompt": ["a"] * 9}, "prompt"),
    ({"stop": ["a", "b"]}, "stop"),
    ({"logprobs": 21}, "logprobs"),
    ({"stream_options": [1]}, "stream_options"),
    ({"frequency_penalty": 0.5}, "frequency_penalty"),
    ({"unheard_of": 1}, "unheard_of"),
    ({"prompt": "x" * 20_001}, "prompt"),
]


@pytest.mark.parametrize(("changed", "param"), REFUSED, ids=[param for _, param in REFUSED])
def test_a_refusal_names_the_parameter(app: App, changed: dict[str, Any], param: str) -> None:
    answer = app.http.post("v1/completions", json={"model": "random", "prompt": "a", **changed})
    error = answer.json()["error"]
    assert (error["param"], error["type"]) == (param, "invalid_request_error")
    assert error["message"].startswith(param)
    assert answer.status_code == {"context_length_exceeded": 413, "model_not_found": 404}.get(error["code"], 400)


def test_a_chat_needs_a_chat_model_and_known_roles(client: openai.OpenAI) -> None:
    messages: Any = [{"role": "user", "content": "Hi"}]
    with pytest.raises(openai.BadRequestError, match="use /v1/completions"):
        client.chat.completions.create(model="random", messages=messages)
    with pytest.raises(openai.BadRequestError, match="only user and assistant"):
        client.chat.completions.create(model="chat", messages=[{"role": "system", "content": "Be kind"}, *messages])
    with pytest.raises(openai.NotFoundError):
        client.completions.create(model="nobody", prompt="a")


def test_blocked_words_are_refused_in_a_prompt_and_end_a_text(
    client: openai.OpenAI, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.served("tale").engine, "blocked", BlockedWords(["machine", "wolf"]))
    answer = client.completions.create(model="tale", prompt="", max_tokens=100)
    assert "machine" not in answer.choices[0].text
    assert answer.choices[0].finish_reason == "content_filter"
    with pytest.raises(openai.BadRequestError):
        client.completions.create(model="tale", prompt="a wolf ")


@pytest.mark.parametrize("stream", [False, True])
def test_a_fault_of_the_model_is_an_error_of_the_server(
    client: openai.OpenAI, app: App, monkeypatch: pytest.MonkeyPatch, stream: bool
) -> None:
    monkeypatch.setattr(app.network("tale"), "fail_at", 5)
    with pytest.raises(openai.APIError if stream else openai.InternalServerError, match="RuntimeError while writing"):
        list(client.completions.create(model="tale", prompt="", max_tokens=100, stream=stream))


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_ends_its_text(app: App, monkeypatch: pytest.MonkeyPatch, stream: bool) -> None:
    monkeypatch.setattr(app.network("tale"), "delay_s", 0.02)

    async def leave() -> None:
        body = {"model": "tale", "prompt": "", "max_tokens": 10_000, "stream": stream}
        async with httpx.AsyncClient() as http:
            task = asyncio.create_task(http.post(f"{app.url}v1/completions", json=body))
            await asyncio.to_thread(eventually, lambda: app.served("tale").engine.running)
            task.cancel()

    asyncio.run(leave())
    eventually(lambda: app.served("tale").engine.idle)


def test_a_limit_is_an_error_that_clients_wait_for(client: openai.OpenAI, app: App) -> None:
    limiter = app.page.limiter
    address = "8.8.8.9"
    limiter.spend_cpu(address, 2 * limiter.limits.cpu_seconds_per_minute)
    given: Any = {"model": "random", "prompt": "a", "extra_headers": {"x-forwarded-for": address}}
    with pytest.raises(openai.RateLimitError) as refused:
        client.completions.create(**given)
    assert refused.value.code == "rate_limit_exceeded"
    assert int(refused.value.response.headers["retry-after"]) >= 1


def test_half_of_a_surrogate_pair_is_answered(app: App) -> None:
    body = {"model": "random", "prompt": "a\ud800", "max_tokens": 5, "echo": True, "logprobs": 1}
    for sent, status in ((body, 200), ({**body, "\ud800": 1}, 400), ({**body, "model": "\ud800"}, 404)):
        answer = app.http.post("v1/completions", content=json.dumps(sent))
        assert answer.status_code == status
        assert "surrog" not in answer.text
    assert answer.json()["error"]["param"] == "model"


def test_a_text_that_the_end_of_the_app_cuts_is_an_error() -> None:
    given: dict[str, Any] = {"model": "tale", "prompt": "", "max_tokens": 10_000}
    with (
        serving({"tale": scripted_model("Once upon a time")}) as ending,
        openai.OpenAI(base_url=f"{ending.url}v1", api_key="none", max_retries=0) as client,
        ThreadPoolExecutor(2) as threads,
    ):
        ending.network("tale").delay_s = 0.02
        texts = [
            threads.submit(lambda stream: list(client.completions.create(**given, stream=stream)), each)
            for each in (False, True)
        ]
        eventually(lambda: ending.served("tale").engine.running == 2)
        ending.registry.stop()
        for text in texts:
            with pytest.raises(openai.APIError, match="no longer answers"):
                text.result(60)
