"""The welcome text of a model whose engine has no time to write one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from model import BlockedWords, Engine
from tests.support.app_server import random_model
from ui.registry.welcome import welcome_text_of

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
    training: dict[str, object], blocked: list[str], shown: tuple[str, int]
) -> None:
    lm = replace(random_model(), training=training)
    engine = Engine(lm, blocked=BlockedWords(blocked))  # whose thread has not run yet
    assert welcome_text_of(engine, lm, deadline_s=0.0) == shown
