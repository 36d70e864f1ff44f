"""Following a reply: when a reader is told, and that the reply ends with its reader."""

from __future__ import annotations

import asyncio
import threading
from contextlib import aclosing

import pytest

from model import BlockedWords, Engine, SamplingParams
from tests.support.app_server import random_model
from ui.conversation.progress import check_words, follow, submit
from ui.messages import RefusalError
from ui.registry.loaded_model import LoadedModel


@pytest.fixture
def served() -> LoadedModel:
    lm = random_model()
    return LoadedModel("random", lm, Engine(lm), threading.current_thread())


def test_a_reader_is_told_at_once_at_the_first_character_and_at_the_end(served: LoadedModel) -> None:
    sequence = submit(served, "ROMEO:", SamplingParams(length=3, seed=1))

    async def read() -> list[tuple[int, bool]]:
        told = []
        async with aclosing(follow(served, sequence)) as steps:
            async for _ in steps:
                told.append((sequence.length, sequence.finished))
                served.engine.step()
        return told

    told = asyncio.run(read())
    assert told[0] == (0, False)
    assert told[-1] == (3, True)
    assert [length for length, _ in told] == sorted(length for length, _ in told)


def test_a_reader_who_leaves_ends_the_reply(served: LoadedModel) -> None:
    sequence = submit(served, "", SamplingParams(length=1000, seed=1))

    async def leave() -> None:
        async with aclosing(follow(served, sequence)) as steps:
            async for _ in steps:
                break

    asyncio.run(leave())
    served.engine.step()
    assert sequence.finish_reason == "abort"
    assert served.engine.idle


def test_an_engine_that_is_dead_is_said(served: LoadedModel) -> None:
    served.thread = threading.Thread()
    sequence = submit(served, "", SamplingParams(length=10, seed=1))

    async def read() -> None:
        async for _ in follow(served, sequence):
            pass

    with pytest.raises(RefusalError, match="no longer answers"):
        asyncio.run(read())


def test_a_queue_that_is_full_is_a_friendly_word(served: LoadedModel) -> None:
    served.engine.max_slots = served.engine.max_waiting = 0
    with pytest.raises(RefusalError, match="try again in a moment"):
        submit(served, "", SamplingParams())


def test_a_blocked_word_is_found_after_the_beginning_and_across_its_end() -> None:
    lm = random_model()
    served = LoadedModel("random", lm, Engine(lm, blocked=BlockedWords(["damn"])), threading.current_thread())
    for text, length in (("a damn", 0), ("a damn", 2), ("a damn", 4), ("a damn!", 5)):
        with pytest.raises(RefusalError, match="contains a blocked word"):
            list(check_words(served, text, begin=length))
    for text, length in (("a damn", 6), ("a damnation", 2), ("a dam", 0), ("", 0)):
        list(check_words(served, text, begin=length))


def test_a_long_text_is_checked_in_slices() -> None:
    lm = random_model()
    served = LoadedModel("random", lm, Engine(lm, blocked=BlockedWords(["damn"])), threading.current_thread())
    assert len(list(check_words(served, "a dam" * 4_000))) == 5
    with pytest.raises(RefusalError, match="contains a blocked word"):
        list(check_words(served, "x" * 3_998 + " damn!"))
