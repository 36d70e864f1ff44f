"""Following a reply: when `follow` yields, and that a reply without a reader is aborted."""

from __future__ import annotations

import threading
from contextlib import aclosing

import pytest

from model import BlockedWords, Engine, SamplingParams
from tests.support.app_server import random_model
from ui.conversation.progress import check_words, follow
from ui.messages import RefusalError
from ui.registry.loaded_model import LoadedModel

pytestmark = pytest.mark.anyio


@pytest.fixture
def loaded() -> LoadedModel:
    lm = random_model()
    return LoadedModel("random", lm, Engine(lm), threading.current_thread())


async def test_progress_is_reported_at_the_start_at_each_step_and_at_the_end(loaded: LoadedModel) -> None:
    sequence = loaded.engine.add_request("ROMEO:", SamplingParams(length=3, seed=1))
    progress = []
    async with aclosing(follow(loaded, sequence)) as steps:
        async for _ in steps:
            progress.append((sequence.length, sequence.finished))
            loaded.engine.step()
    assert progress[0] == (0, False)
    assert progress[-1] == (3, True)
    assert [length for length, _ in progress] == sorted(length for length, _ in progress)


async def test_a_dead_engine_is_reported(loaded: LoadedModel) -> None:
    loaded.thread = threading.Thread()
    sequence = loaded.engine.add_request("", SamplingParams(length=10, seed=1))
    with pytest.raises(RefusalError, match="no longer answers"):
        async for _ in follow(loaded, sequence):
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
