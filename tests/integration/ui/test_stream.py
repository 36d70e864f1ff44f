"""POST /stream: the reply to a program as server-sent events; and the routes for operators."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from model import ChatFormat, generate
from tests.support.app_server import App, random_model, serving
from ui.registry import lookup
from ui.registry.registry import ModelRegistry
from ui.site_config import SiteConfig


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    chat = replace(random_model(), chat=ChatFormat("Ann: ", "\nBo: ", "\n"))
    with serving({"random": random_model(), "other": random_model(1), "chat": chat}) as app:
        yield app


def stream(app: App, **query: Any) -> list[dict[str, Any]]:
    """Return the events of a reply, each with its id."""
    events = []
    with httpx.stream("POST", f"{app.url}stream", json=query, timeout=60) as response:
        assert response.status_code == 200, response.read()
        id_ = ""
        for line in response.iter_lines():
            name, _, value = line.partition(": ")
            if name == "id":
                id_ = value
            elif name == "data":
                events.append({"id": int(id_), **json.loads(value)})
    return events


def text_of(events: list[dict[str, Any]]) -> str:
    return "".join(event.get("text", "") for event in events)


def refusal(app: App, **query: Any) -> tuple[int, str]:
    response = httpx.post(f"{app.url}stream", json=query, timeout=60)
    return response.status_code, response.json()["detail"]


def test_without_arguments_the_first_model_writes_with_the_default_settings(app: App) -> None:
    first, *_, last = events = stream(app)
    assert first == {"id": 0, "model": "random", "commit": "", "seed": first["seed"]}
    assert text_of(events) == generate(app.served("random").lm, "", 500, seed=first["seed"])
    assert (last["id"], last["end"], last["error"]) == (500, "length", None)


@pytest.mark.parametrize("prompt", ["ROMEO:", ""])
@pytest.mark.parametrize("received", [0, 1, 77, 299, 300])
def test_a_reply_continues_after_the_received_part(app: App, prompt: str, received: int) -> None:
    first, *_ = events = stream(app, prompt=prompt, length=300, seed=9)
    text = text_of(events)
    rest = stream(app, prompt=prompt, length=300, seed=first["seed"], commit=first["commit"], received=text[:received])
    assert text[:received] + text_of(rest) == text
    assert (rest[0]["id"], rest[-1]["id"]) == (received, 300)


def test_a_request_waits_while_the_model_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = ModelRegistry(["bundled"])
    loaded = threading.Event()
    load = registry._load
    monkeypatch.setattr(registry, "_load", lambda *arguments: (loaded.wait(60), load(*arguments)))
    registry.start()
    with serving(registry) as app:
        assert httpx.get(f"{app.url}readyz").status_code == 503
        assert httpx.get(f"{app.url}healthz").status_code == 200
        monkeypatch.setattr(lookup, "WAIT_S", 0.0)
        assert refusal(app)[0] == 503
        monkeypatch.setattr(lookup, "WAIT_S", 60.0)
        threading.Timer(0.3, loaded.set).start()
        assert len(text_of(stream(app, length=20))) == 20
        assert httpx.get(f"{app.url}readyz").json() == {"status": "ok"}


def test_a_dead_engine_is_reported(app: App) -> None:
    with serving({"random": random_model()}) as dying:
        assert httpx.get(f"{dying.url}healthz").status_code == 200
        served = dying.served("random")
        served.engine.stop()
        served.thread.join()
        response = httpx.get(f"{dying.url}healthz")
        assert (response.status_code, response.json()) == (503, {"status": "the engine has ended: random"})
        assert httpx.get(f"{dying.url}readyz").status_code == 503


def test_metrics_are_served_only_if_the_owner_enables_them(app: App) -> None:
    assert httpx.get(f"{app.url}metrics").status_code == 404
    registry = ModelRegistry(site=SiteConfig.of({"METRICS": "1"}))
    registry.add("random", random_model())
    registry.start()
    with serving(registry) as measured:
        assert len(text_of(stream(measured, length=40))) == 40
        assert refusal(measured, temperature=9)[0] == 400
        figures = httpx.get(f"{measured.url}metrics").text
        assert 'char_lstm_replies_total{model="random",reason="length"}' in figures
        assert 'char_lstm_first_character_seconds_bucket{le="+Inf",model="random"}' in figures
        assert 'char_lstm_model_info{commit="",model="random"} 1.0' in figures
        assert 'char_lstm_refusals_total{id="refusal.value"}' in figures
        assert "process_resident_memory_bytes" in figures
