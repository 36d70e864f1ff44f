"""The activity line: running and waiting replies, and characters per second."""

from __future__ import annotations

import pytest

from model import Engine, SamplingParams
from tests.support.app_server import random_model
from ui.registry.activity import Activity
from ui.registry.registry import ModelRegistry


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    """The only engine of a registry, with two slots; tests call its steps."""
    lm = random_model()
    engine = Engine(lm, max_slots=2)
    monkeypatch.setattr(ModelRegistry, "engines", property(lambda registry: [engine]))
    return engine


def test_the_line_counts_running_and_waiting_replies_and_their_speed(engine: Engine) -> None:
    activity = Activity(ModelRegistry(), every_s=0.0)
    assert activity.facts == []
    for _ in range(3):
        engine.add_request("", SamplingParams(length=20))
    engine.step()
    assert " · ".join(activity.facts) == "2 writing · 1 waiting"
    for _ in range(60):
        engine.step()
    assert activity.facts == []


def test_the_speed_is_measured_since_the_last_line(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("ui.registry.activity.time.monotonic", lambda: now)
    activity = Activity(ModelRegistry())
    for _ in range(2):
        engine.add_request("", SamplingParams(length=1000))
    engine.step()
    assert " · ".join(activity.facts) == "2 writing"
    for _ in range(30):
        engine.step()
    now += 0.9
    assert " · ".join(activity.facts) == "2 writing"
    now += 0.1
    assert " · ".join(activity.facts) == "2 writing · 60 characters per second"
    now += 100.0
    assert " · ".join(activity.facts) == "2 writing"
