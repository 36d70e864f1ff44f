"""Gradio's queue: results that no client reads are dropped."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.app_server import App, eventually, random_model, serving
from ui.access.unread_calls import UNREAD_S, UnreadCalls

TEXT = "To be, or not to be"


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    with serving({"random": random_model()}) as app:
        yield app


def unread(app: App) -> UnreadCalls:
    return app.server.filter._unread


def kept_messages(app: App) -> int:
    """The number of messages that Gradio keeps; no product code looks at them."""
    queue: Any = app.server.get_blocks()._queue
    return sum(messages.qsize() for messages in queue.pending_messages_per_session.values())


def kept_sessions(app: App) -> int:
    queue: Any = app.server.get_blocks()._queue
    return len(queue.pending_event_ids_session)


def call(app: App, session: str = "") -> str:
    """Calls /score; a session is that of a client that reads all its results from one stream."""
    body = {"data": [TEXT], "fn_index": 1, "session_hash": session} if session else {"data": [TEXT]}
    answer = app.http.post(f"{app.url}gradio_api/{'queue/join' if session else 'call/score'}", json=body, timeout=60)
    assert answer.status_code == 200
    return str(answer.json()["event_id"])


def test_unread_results_are_dropped_after_a_time(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    call(app, "unread")
    event = call(app)
    eventually(lambda: kept_messages(app) >= 4)  # of each call, that it has started and that it has ended
    monkeypatch.setattr("ui.access.unread_calls.time", SimpleNamespace(monotonic=lambda: 1e9 + UNREAD_S))
    eventually(lambda: app.http.get("site") and kept_messages(app) == 0)
    eventually(lambda: not kept_sessions(app))
    for path in ("queue/data?session_hash=unread", f"call/score/{event}"):
        assert app.http.get(f"{app.url}gradio_api/{path}").status_code == 404


def test_a_result_is_read_once_and_a_session_as_often_as_it_calls(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    event = call(app)
    assert "complete" in app.http.get(f"{app.url}gradio_api/call/score/{event}").text
    eventually(lambda: app.http.get(f"{app.url}gradio_api/call/score/{event}").status_code == 404)
    for _ in range(2):
        call(app, "reader")
        assert "process_completed" in app.http.get(f"{app.url}gradio_api/queue/data?session_hash=reader").text
    eventually(lambda: not unread(app)._unread)
    assert kept_sessions(app) == 1
    monkeypatch.setattr("ui.access.unread_calls.MAX_KNOWN", 1)
    call(app, "newer")
    eventually(lambda: kept_sessions(app) == 1)


def test_the_number_of_results_without_a_reader_is_limited(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.access.unread_calls.MAX_UNREAD", 5)
    for _ in range(9):
        call(app)
    eventually(lambda: app.http.get("site") and len(unread(app)._unread) == 5)
