"""How the app ends: by a signal at any moment, or because the engine of a model has ended."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterator

import pytest

import app as entry
from tests.support.app_server import eventually, random_model
from tests.support.platforms import posix_only
from ui.registry.registry import ModelRegistry


@pytest.fixture(autouse=True)
def _same_handlers() -> Iterator[None]:
    before = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]
    yield
    for number, handler in before:
        signal.signal(number, handler)


@posix_only
def test_a_signal_ends_a_long_wait() -> None:
    shutdown = entry.Shutdown()
    threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGTERM)).start()
    assert shutdown.wait(60)
    assert shutdown.exit_status == 143
    assert shutdown.wait(60)


def test_the_app_ends_when_an_engine_has_ended(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(entry, "_CHECK_EVERY_S", 0.01)
    registry = ModelRegistry()
    loaded = registry.add("random", random_model())
    loaded.engine.stop()
    eventually(lambda: not loaded.thread.is_alive())
    shutdown = entry.Shutdown()
    with caplog.at_level(logging.ERROR, "char-lstm"):
        entry._watch_engines(registry, shutdown)
    assert shutdown.exit_status == 1
    assert caplog.messages == ["the engine of random has ended: start the app again"]
