"""Following a reply: when `write` yields; blocked words."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from model import BlockedWords, SamplingParams
from tests.support.app_server import serve
from ui.access.limits import Limiter, Limits
from ui.access.workers import Workers
from ui.conversation.progress import check_words, write
from ui.messages import RefusalError

pytestmark = pytest.mark.anyio


async def test_a_dead_engine_is_reported() -> None:
    loaded, workers = serve(), Workers(Limiter(Limits()), at_once=1)
    loaded.thread = threading.Thread()
    with pytest.raises(RefusalError, match="no longer answers"):
        async for _ in write(loaded, "a", SamplingParams(seed=1), workers, address="8.8.8.8", client_id=""):
            pass


async def test_a_long_reply_is_sent_seldom_and_its_end_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its end was sent up to a twentieth of its time late."""
    loaded, workers, pauses = serve(), Workers(Limiter(Limits()), at_once=1), []

    async def sleep(pause_s: float) -> None:
        pauses.append(pause_s)
        loaded.engine.step()

    clock = SimpleNamespace(monotonic=lambda: sum(pauses))
    monkeypatch.setattr("ui.conversation.progress.time", clock)
    monkeypatch.setattr("ui.conversation.progress.asyncio", SimpleNamespace(sleep=sleep))
    params, updates = SamplingParams(seed=1, length=1_000), 0
    async for _ in write(loaded, "a", params, workers, address="8.8.8.8", client_id="", sparing=True):
        updates += 1
    assert max(pauses) < 0.25
    assert len(pauses) < params.length + 5
    assert updates < 120


def test_a_blocked_word_is_found_if_it_ends_after_the_beginning_and_a_long_text_is_checked_in_slices() -> None:
    loaded = serve()
    loaded.engine.blocked = BlockedWords(["damn"])
    for text, begin in (("a damn", 0), ("a damn", 2), ("a damn", 4), ("a damn!", 5), ("x" * 3_998 + " damn!", 0)):
        with pytest.raises(RefusalError, match="contains a blocked word"):
            list(check_words(loaded, text, begin=begin))
    for text, begin in (("a damn", 6), ("a damnation", 2), ("a dam", 0), ("", 0)):
        list(check_words(loaded, text, begin=begin))
    assert len(list(check_words(loaded, "a dam" * 4_000))) == 5
