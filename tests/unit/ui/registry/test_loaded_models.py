"""Blends are unloaded when all together are too large."""

import pytest

from model import SamplingParams
from tests.support.app_server import add_model, eventually, random_model
from ui.registry import registry as module
from ui.registry.registry import ModelRegistry


def test_the_blends_with_the_oldest_use_are_unloaded_after_their_replies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_GRACE_S", 0.0)
    registry = ModelRegistry()
    one, two, three = (
        add_model(registry, name, random_model(seed)) for seed, name in enumerate(("one", "two", "three"))
    )
    monkeypatch.setattr(module, "MAX_BLEND_BYTES", 2 * 10 * one.lm.config.parameters)  # room for two blends
    try:
        first, second = registry.blend(one, two), registry.blend(two, three)
        running = second.engine.add_request("a", SamplingParams(length=10_000_000))
        assert registry.blend(one, two) is first
        registry.blend(one, three)  # now the second was not used for the longest time
        assert registry.blend(one, two) is first
        assert second in registry.all_loaded
        second.engine.abort(running)
        eventually(lambda: second not in registry.all_loaded)
        assert registry.blend(two, three) is not second
    finally:
        registry.stop()
