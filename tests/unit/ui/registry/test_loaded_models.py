"""Blends are unloaded when all together are too large; a model whose engine has no time has a welcome text."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from model import BlockedWords, Engine, SamplingParams, generate
from model.checkpoint.record import TrainingRecord
from tests.support.app_server import eventually, random_model
from ui.registry import registry as module
from ui.registry.loaded_model import welcome_text_of
from ui.registry.registry import ModelRegistry


def test_the_blends_with_the_oldest_use_are_unloaded_after_their_replies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_GRACE_S", 0.0)
    registry = ModelRegistry()
    one, two, three = (registry.add(name, random_model(seed)) for seed, name in enumerate(("one", "two", "three")))
    monkeypatch.setattr(module, "MAX_BLEND_BYTES", 2 * 10 * one.lm.config.parameters)  # room for two blends
    try:
        first, second = registry.blend(one, two), registry.blend(two, three)
        running = second.engine.add_request("a", SamplingParams(length=10_000_000))
        assert registry.blend(one, two) is first
        registry.blend(one, three)  # now the second was not used for the longest time
        assert registry.blend(one, two) is first
        assert not second.unloaded
        assert second in registry.all_loaded
        second.engine.abort(running)
        eventually(lambda: second.unloaded)
        eventually(lambda: second not in registry.all_loaded)
        assert registry.blend(two, three) is not second
    finally:
        registry.stop()


STORED = "Once upon a time there was a model."


@pytest.mark.parametrize(
    ("training", "blocked", "shown"),
    [
        ({"welcome": {"text": f"{STORED}\nIt ", "seed": 12}}, [], (STORED, 12)),
        ({"welcome": {"text": f"{STORED}\nIt ", "seed": 12}}, ["upon"], ("", 10)),
        ({}, [], ("", 10)),
    ],
)
def test_after_the_deadline_the_stored_text_is_shown_unless_it_has_a_blocked_word(
    training: TrainingRecord, blocked: list[str], shown: tuple[str, int]
) -> None:
    lm = replace(random_model(), training=training)
    engine = Engine(lm, blocked=BlockedWords(blocked))  # whose thread has not run yet
    assert welcome_text_of(engine, lm, deadline_s=0.0) == shown


def test_a_model_whose_engine_starts_after_the_deadline_has_a_text() -> None:
    lm = random_model()
    engine = Engine(lm)
    threads = [threading.Timer(0.3, engine.run), threading.Timer(60.0, engine.stop)]
    for thread in threads:
        thread.start()
    text, seed = welcome_text_of(engine, lm, deadline_s=0.2)
    threads[1].cancel()
    engine.stop()
    threads[0].join()
    assert text
    assert generate(lm, "", len(text), seed=seed) == text
