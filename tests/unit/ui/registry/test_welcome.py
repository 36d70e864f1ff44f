"""The welcome text of a model whose engine has no time to write one."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from model import BlockedWords, Engine, generate
from model.checkpoint.record import TrainingRecord
from tests.support.app_server import random_model
from ui.registry.loaded_model import welcome_text_of

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
