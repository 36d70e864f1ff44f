"""Following a reply: when `write` yields; blocked words."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator

import pytest

from model import BlockedWords, Engine, SamplingParams, Sequence
from tests.support.app_server import random_model
from ui.access.limits import Limiter, Limits
from ui.access.workers import Workers
from ui.conversation.progress import check_words, write
from ui.messages import RefusalError
from ui.registry.loaded_model import LoadedModel

pytestmark = pytest.mark.anyio


@pytest.fixture
def loaded() -> LoadedModel:
    lm = random_model()
    return LoadedModel("random", lm, Engine(lm), threading.current_thread())


def written(loaded: LoadedModel, length: int) -> AsyncGenerator[Sequence, None]:
    params = SamplingParams(length=length, seed=1)
    return write(loaded, "ROMEO:", params, Workers(Limiter(Limits()), at_once=1), address="8.8.8.8", client_id="")


async def test_a_dead_engine_is_reported(loaded: LoadedModel) -> None:
    loaded.thread = threading.Thread()
    with pytest.raises(RefusalError, match="no longer answers"):
        async for _ in written(loaded, 10):
            pass


def test_a_blocked_word_is_found_if_it_ends_after_the_beginning() -> None:
    lm = random_model()
    loaded = LoadedModel("random", lm, Engine(lm, blocked=BlockedWords(["damn"])), threading.current_thread())
    for text, length in (("a damn", 0), ("a damn", 2), ("a damn", 4), ("a damn!", 5)):
        with pytest.raises(RefusalError, match="contains a blocked word"):
            list(check_words(loaded, text, begin=length))
    for text, length in (("a damn", 6), ("a damnation", 2), ("a dam", 0), ("", 0)):
        list(check_words(loaded, text, begin=length))


def test_a_long_text_is_checked_in_slices() -> None:
    lm = random_model()
    loaded = LoadedModel("random", lm, Engine(lm, blocked=BlockedWords(["damn"])), threading.current_thread())
    assert len(list(check_words(loaded, "a dam" * 4_000))) == 5
    with pytest.raises(RefusalError, match="contains a blocked word"):
        list(check_words(loaded, "x" * 3_998 + " damn!"))
