"""The limits of a link that are checked before anything is read."""

from __future__ import annotations

import pytest

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
