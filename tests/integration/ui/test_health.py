"""The routes for operators: health, readiness, metrics."""

from __future__ import annotations

import threading
from typing import Any

import httpx
import pytest

from tests.support.app_server import App, random_model, serving
from ui.registry import lookup
from ui.registry.registry import ModelRegistry
from ui.site_config import SiteConfig


def complete(app: App, **body: Any) -> httpx.Response:
    return httpx.post(f"{app.url}v1/completions", json={"prompt": "a", **body}, timeout=60)


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
        assert complete(app).status_code == 503
        monkeypatch.setattr(lookup, "WAIT_S", 60.0)
        threading.Timer(0.3, loaded.set).start()
        assert complete(app, max_tokens=20).json()["usage"]["completion_tokens"] == 20
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
        assert complete(measured, max_tokens=40).status_code == 200
        assert complete(measured, temperature=9).status_code == 400
        figures = httpx.get(f"{measured.url}metrics").text
        assert 'char_lstm_replies_total{model="random",reason="length"}' in figures
        assert 'char_lstm_first_character_seconds_bucket{le="+Inf",model="random"}' in figures
        assert 'char_lstm_model_info{commit="",model="random"} 1.0' in figures
        assert 'char_lstm_refusals_total{id="refusal.value"}' in figures
        assert "process_resident_memory_bytes" in figures
