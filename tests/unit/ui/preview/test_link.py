"""The limits of a link that are checked before anything is read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.app_server import random_model
from ui.messages import RefusalError
from ui.preview.link import first_reply
from ui.registry.registry import ModelRegistry
from ui.settings import MAX_LINK


def test_a_long_link_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(RefusalError, match="characters"):
        first_reply("seed=1&a=" + "x" * MAX_LINK, ModelRegistry())


def test_without_a_seed_there_is_no_text() -> None:
    assert first_reply("prompt=x&length=9", ModelRegistry()) is None
    assert first_reply("", ModelRegistry()) is None
    assert first_reply("then=x&seed=1", ModelRegistry()) is None


def test_what_a_message_adds_to_the_end_of_a_link_is_ignored() -> None:
    """The browser's reader is tested with the same links."""
    vectors = Path(__file__).parents[3] / "vectors" / "damaged_links.json"
    registry = ModelRegistry()
    registry.add("random", random_model())
    registry.start()
    try:
        assert registry.wait(60)
        for each in json.loads(vectors.read_text(encoding="utf-8")):
            if whole := first_reply(each.get("whole", ""), registry):
                found = first_reply(each["query"], registry)
                assert found
                assert found == whole, each["query"]
    finally:
        registry.stop()
