"""Gradio's queue: results that no client reads are removed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from tests.support.app_server import App, eventually, random_model, serving
from ui.access.filter import RequestFilter
from ui.access.gradio_sessions import MAX_SESSIONS, MAX_UNREAD, UNREAD_S, GradioSessions

TEXT = "To be, or not to be"


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ui.access.gradio_sessions.SWEEP_S", 3600.0)  # the tests call sweep() themselves
        with serving({"random": random_model()}) as app:
            yield app


@pytest.fixture
def sessions(app: App, monkeypatch: pytest.MonkeyPatch) -> GradioSessions:
    """Return the sessions of the running app with a clock that is 0 until a test sets it."""
    assert app.page
    layer: Any = app.page.blocks.app.middleware_stack
    assert isinstance(layer, RequestFilter)
    set_clock(monkeypatch, 0.0)
    return layer._calls.sessions


def set_clock(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr("ui.access.gradio_sessions.time", SimpleNamespace(monotonic=lambda: seconds))


def queue(app: App) -> Any:
    assert app.page
    return app.page.blocks._queue


def call(app: App, session: str, name: str = "score") -> None:
    body = {"data": [TEXT], "session_hash": session}
    assert httpx.post(f"{app.url}gradio_api/call/{name}", json=body).status_code == 200
    eventually(lambda: not queue(app).event_ids_to_events)


def test_unread_results_are_removed_after_a_time(
    app: App, sessions: GradioSessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    call(app, "unread")
    sessions.sweep()
    assert "unread" in queue(app).pending_messages_per_session
    set_clock(monkeypatch, UNREAD_S)
    sessions.sweep()
    assert "unread" not in queue(app).pending_messages_per_session
    assert "unread" not in queue(app).pending_event_ids_session
    assert not sessions._unread_since
    response = httpx.get(f"{app.url}gradio_api/queue/data?session_hash=unread")
    assert response.status_code == 404


def test_a_session_without_a_reader_keeps_only_its_last_messages(app: App, sessions: GradioSessions) -> None:
    for _ in range(MAX_UNREAD):
        call(app, "many")
    assert queue(app).pending_messages_per_session["many"].qsize() > MAX_UNREAD
    sessions.sweep()
    assert queue(app).pending_messages_per_session["many"].qsize() == MAX_UNREAD
    assert "process_completed" in httpx.get(f"{app.url}gradio_api/queue/data?session_hash=many").text


def test_the_number_of_sessions_without_a_reader_is_limited(app: App, sessions: GradioSessions) -> None:
    async def post_all() -> None:
        async with httpx.AsyncClient(timeout=60) as http:
            for at in range(MAX_SESSIONS + 10):
                body = {"data": ["a"], "session_hash": f"one-of-many-{at}"}
                await http.post(f"{app.url}gradio_api/call/score", json=body)

    asyncio.run(post_all())
    eventually(lambda: not queue(app).event_ids_to_events)
    sessions.sweep()
    assert len(queue(app).pending_messages_per_session) == MAX_SESSIONS
    assert len(queue(app).pending_event_ids_session) <= MAX_SESSIONS
