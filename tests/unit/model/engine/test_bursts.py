"""Replies that are generated in bursts equal those that are generated character by character, in every respect."""

from __future__ import annotations

import itertools
import time
from typing import Any

import pytest

from model import Engine, SamplingParams, Sequence, generate, stream
from model.engine.blocked_words import BlockedWords
from model.engine.engine import MAX_BURST
from tests.support.tiny_models import finish, tiny_model

SETTINGS: list[dict[str, Any]] = [
    {},
    {"temperature": 0.0},
    {"top_k": 3},
    {"top_p": 0.8, "temperature": 2.0},
    {"min_p": 0.1, "top_k": 9},
    {"stop": "e"},
    {"stop": "th"},
    {"clamps": [(0, 3, 4.0), (1, 7, -2.0)]},
]


def add(engine: Engine, seed: int, length: int = 200, clamps: Any = (), **settings: Any) -> Sequence:
    return engine.add_request("ROMEO:", SamplingParams(seed=seed, length=length, **settings), clamps=clamps)


def count_bursts(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Returns a list that gets the length of each burst."""
    lengths: list[int] = []
    write = engine._backend.write

    def counted(slots: Any, ids: Any, params: Any, numbers: Any, clamps: Any) -> Any:
        lengths.extend([len(numbers[0])] if len(numbers[0]) > 1 else [])
        return write(slots, ids, params, numbers, clamps)

    monkeypatch.setattr(engine._backend, "write", counted)
    return lengths


def results(engine: Engine, sequences: list[Sequence], burst: bool) -> list[tuple[Any, ...]]:
    """Generates the replies, in bursts or not; returns everything that is known of each."""
    while burst and not engine.idle:
        engine._character_s = 1e-5  # independent of the load of the machine
        engine.step(burst=True)
    finish(engine, *sequences)
    states = [(each.last_id, each.state.h.tolist(), each.state.c.tolist()) for s in sequences if (each := s.memory)]
    return [*((each.text, each.finish_reason, each.next_draw_offset) for each in sequences), *states]


@pytest.mark.parametrize("settings", [*([each] for each in SETTINGS), SETTINGS], ids=str)
@pytest.mark.parametrize(("replies", "words"), [(1, []), (20, []), (20, ["ab", "a b"])])
def test_bursts_change_nothing(lm, monkeypatch, settings, replies, words):
    found, model = [], tiny_model("ab \n", seed=3) if words else lm
    for burst in (False, True):
        engine = Engine(model, blocked=BlockedWords(words))
        lengths = count_bursts(engine, monkeypatch)
        chosen = itertools.islice(itertools.cycle(settings), replies)
        found.append(results(engine, [add(engine, n, 150 + 7 * n, **each) for n, each in enumerate(chosen)], burst))
        assert bool(lengths) == burst
    assert found[0] == found[1]
    assert any(each[1] == "blocked" for each in found[0]) or not words or settings[0]


def test_a_slow_program_gets_its_characters_one_by_one_and_the_same_text_as_a_fast_one(lm):
    """Otherwise a reply would continue for a while after it was aborted."""
    slow, fast = (stream(lm, "ROMEO:", 1000, seed=1) for _ in range(2))
    written = ""
    for character in itertools.islice(slow, 30):
        written += character
        time.sleep(0.002)
        assert slow.sequence.length == len(written)
    slow.abort()
    assert written + "".join(slow) == slow.sequence.text == generate(lm, "ROMEO:", 30, seed=1)
    assert "".join(itertools.islice(fast, 500)) == generate(lm, "ROMEO:", 500, seed=1)
    fast.abort()
    assert len("".join(fast)) < MAX_BURST
