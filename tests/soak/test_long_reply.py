"""Very long replies: the same text in one or a thousand parts, alone or in a changing batch."""

from __future__ import annotations

import random
import tracemalloc
from typing import Any

from model import PRETRAINED, CharLSTM, Engine, SamplingParams, Sequence, generate, stream
from tests.support.tiny_models import tiny_model

LENGTH = 100_000


def test_a_reply_of_100_000_characters_in_many_parts_is_the_same_text():
    lm = CharLSTM.from_pretrained(PRETRAINED)
    whole = "".join(stream(lm, "ROMEO:\n", LENGTH, seed=1))
    assert len(whole) == LENGTH
    dice = random.Random(1)
    parts: list[str] = []
    memory, first = None, 0
    while first < LENGTH:
        length = min(dice.choice([1, 2, 33, 100, 500]), LENGTH - first)
        part = stream(lm, "" if memory else "ROMEO:\n", length, seed=1, memory=memory, draw_offset=first)
        parts.append("".join(part))
        memory, first = part.sequence.memory, part.sequence.next_draw_offset
    assert len(parts) > 500
    assert "".join(parts) == whole


def test_a_changing_batch_changes_no_reply():
    """Two thousand requests join, wait, are aborted, stop or end; each text is a prefix of the one generated alone."""
    lm, dice = tiny_model(), random.Random(2)
    engine = Engine(lm, max_slots=16, max_waiting=64)
    open_: list[tuple[str, dict[str, Any], Sequence]] = []
    done, asked = list(open_), 0
    while asked < 2000 or open_:
        if asked < 2000 and engine.waiting < 40 and dice.random() < 0.3:
            prompt = "".join(dice.choices("abc DEF\n", k=dice.randrange(80)))
            settings: dict[str, Any] = {
                "temperature": dice.choice([0, 0.5, 1.0, 2.0]),
                "length": dice.randrange(1, 120),
                "top_k": dice.choice([0, 0, 3]),
                "top_p": dice.choice([1.0, 1.0, 0.9]),
                "seed": asked,
                "stop": dice.choice(["", "", "", "a", "the", "ab"]),
            }
            open_.append((prompt, settings, engine.add_request(prompt, SamplingParams(**settings))))
            asked += 1
        if open_ and dice.random() < 0.02:
            engine.abort(dice.choice(open_)[2])
        engine.step()
        done += [each for each in open_ if each[2].finished]
        open_ = [each for each in open_ if not each[2].finished]
    assert len(done) == 2000
    for prompt, settings, sequence in done:
        if sequence.finish_reason == "abort":
            assert generate(lm, prompt, **{**settings, "stop": ""}, unknown="skip").startswith(sequence.text)
        else:
            assert sequence.finish_reason in ("length", "stop")
            assert sequence.text == generate(lm, prompt, **settings, unknown="skip")


def test_memory_does_not_grow_with_the_number_of_replies():
    lm = tiny_model()
    engine = Engine(lm, max_slots=8)

    def serve(count: int) -> None:
        for seed in range(count):
            engine.add_request("ab", SamplingParams(seed=seed, length=50))
            if engine.waiting >= 8:
                while not engine.idle:
                    engine.step()

    serve(200)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    serve(4000)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 2**20
