"""Clamped cells have their value in every backend, and affect one reply only."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from model import CharLSTM, Clamp, Engine, SamplingParams, generate, stream
from model.backends.backend import Backend
from model.backends.float32 import Float32Backend
from model.backends.numba_int8 import NumbaInt8Backend
from model.backends.torch_int8 import TorchInt8Backend
from model.clamps import MAX_CLAMPS, check_clamps
from model.int8.weights import Int8Weights
from model.settings import Precision
from tests.support.engines import finish
from tests.support.tiny_models import tiny_model

PROMPT = "ROMEO:\nBut soft"
HOLDS = [(0, 3, 4.0), (1, 7, 0.0), (1, 2, -0.1)]
CLAMPS = tuple(Clamp(*hold) for hold in HOLDS)
both = pytest.mark.parametrize("precision", ["int8", "float32"])


@pytest.fixture(scope="module")
def lm() -> CharLSTM:
    return tiny_model()


def params(seed: int, length: int = 80) -> SamplingParams:
    return SamplingParams(seed=seed, length=length)


@both
@pytest.mark.parametrize("value", [0.0, 4.0, -4.0])
def test_a_clamped_cell_keeps_its_value_and_changes_the_text(lm, value, precision: Precision):
    held = stream(lm, PROMPT, 80, seed=1, clamps=[(1, 5, value)], precision=precision)
    text = ""
    for piece in held:
        text += piece
        assert held._engine._backend.cells(0)[1, 5] == value
    assert held.sequence.clamps == (Clamp(1, 5, value),)
    assert text == generate(lm, PROMPT, 80, seed=1, clamps=[(1, 5, value)], precision=precision)
    assert text != generate(lm, PROMPT, 80, seed=1, precision=precision)


@pytest.mark.parametrize("kind", [NumbaInt8Backend, TorchInt8Backend, Float32Backend])
def test_h_of_a_clamped_cell_is_tanh_of_its_value_times_its_output_gate(lm, kind: type):
    backend: Backend = kind(lm.network if kind is Float32Backend else Int8Weights.quantize(lm.network), 2)
    clamps, cell, value, above = ((Clamp(0, 4, 1.5),), ()), 4, 1.5, False
    for token in (3, 9, 20, 31):
        before = backend.state(0)
        backend.load(1, before)
        backend.forward(np.array([0, 1]), np.array([token, token]), clamps)
        held, free = backend.state(0), backend.state(1)
        gates = lm.network.gates(0, lm.network.embedding(torch.tensor([token])), before.h[0])
        assert held.c[0, 0, cell] == value
        assert float(held.h[0, 0, cell]) == pytest.approx(float(gates[0, 3, cell]) * np.tanh(value), abs=0.02)
        others = [each for each in range(12) if each != cell]
        assert torch.equal(held.c[0, 0, others], free.c[0, 0, others])  # the rest of its layer
        assert torch.equal(held.h[0, 0, others], free.h[0, 0, others])
        above |= not torch.equal(held.c[1], free.c[1])
    assert above, "the layer above did not read the clamped h"


@both
def test_clamps_do_not_affect_other_replies(lm, precision: Precision):
    engine = Engine(lm, max_slots=6, precision=precision)
    holds = [[(n % 2, n, 4.0 - n), (1 - n % 2, 2, 0.0)] if n % 3 else [] for n in range(12)]
    asked = [engine.add_request(PROMPT[:n], params(n, 10 + 5 * n), clamps=hold) for n, hold in enumerate(holds)]
    assert finish(engine, *asked) == [
        generate(lm, PROMPT[:n], 10 + 5 * n, seed=n, clamps=hold, precision=precision) for n, hold in enumerate(holds)
    ]


@both
def test_a_clamped_reply_in_two_parts_equals_the_whole_and_no_prompt_is_read_with_clamps(lm, precision: Precision):
    options: dict[str, Any] = {"clamps": HOLDS, "precision": precision}
    whole = generate(lm, PROMPT, 30, seed=6, **options)
    for cut in (1, 2, 15, 29):
        start = stream(lm, PROMPT, cut, seed=6, **options)
        written = "".join(start)
        memory, first = start.sequence.memory, start.sequence.next_draw_offset
        assert written + generate(lm, "", 30 - cut, seed=6, memory=memory, draw_offset=first, **options) == whole
    one = stream(lm, "To be", 30, seed=1, precision=precision)
    reply = "".join(one)
    two = generate(lm, "\nNot", 30, seed=2, memory=one.sequence.memory, **options)
    assert two == generate(lm, "To be" + reply + "\nNot", 30, seed=2, **options)


@pytest.mark.parametrize(
    ("hold", "words"),
    [
        ([(2, 0, 0.0)], "a clamp names layer 2: this model has layers 0 to 1"),
        ([(0, 12, 0.0)], "a clamp names cell 12: this model has cells 0 to 11"),
        ([(True, 0, 0.0)], "a clamp names layer True"),
        ([(0, 1.0, 0.0)], "a clamp names cell 1.0"),
        ([(0, 0, 8.5)], "a clamp has the value 8.5: it must be a number from -8 to 8"),
        ([(0, 0, float("nan"))], "a clamp has the value nan"),
        ([(0, 0, True)], "a clamp has the value True"),
        ([(0, 0)], r"a clamp is \(0, 0\): it must be a layer, a cell and a value"),
        (["abc"], "a clamp is 'abc': it must be"),
        ([(0, 0, 1.0), (0, 0, 2.0)], "one cell is clamped twice"),
        ([(0, n, 1.0) for n in range(MAX_CLAMPS + 1)], "5 cells are clamped: at most 4"),
    ],
)
def test_a_wrong_clamp_is_refused_at_once(lm, hold, words):
    for options in ({"clamps": hold}, {"prompt_clamps": [(0, hold)]}):
        with pytest.raises(ValueError, match=f"^{words}"):
            Engine(lm).add_request(PROMPT, params(1), **options)


def test_the_order_of_clamps_has_no_effect(lm):
    assert check_clamps(HOLDS, lm.config) == check_clamps(HOLDS[::-1], lm.config)
    assert str(check_clamps([(0, 0, -0.0)], lm.config)[0].value) == "0.0"


@both
def test_a_text_that_was_written_with_clamps_is_read_again_with_them(lm, precision: Precision):
    """The batch also has a reply whose prompt is read without clamps."""
    engine = Engine(lm, max_slots=2, precision=precision)
    first = engine.add_request("漢" + PROMPT, params(1), clamps=HOLDS)
    (text,) = finish(engine, first)
    second = engine.add_request("", params(2), memory=first.memory)
    expected, at = finish(engine, second)[0], len("漢" + PROMPT)
    stretches = [(at - 1, CLAMPS), (at + len(text) - 1, ())]
    plain = engine.add_request(PROMPT, params(3))
    again = engine.add_request("漢" + PROMPT + text, params(2), prompt_clamps=stretches)
    assert finish(engine, again, plain) == [expected, generate(lm, PROMPT, 80, seed=3, precision=precision)]
    assert again.prompt_memory
    assert first.memory
    assert again.prompt_memory.last_id == first.memory.last_id
    assert torch.equal(again.prompt_memory.state.c, first.memory.state.c)
    held = engine.add_request("", params(1, 20), memory=first.memory, draw_offset=40, clamps=HOLDS)
    (text,) = finish(engine, held)
    stretches = [(-1, CLAMPS), (len(text) - 1, ())]  # the character before a prompt can be read with a clamp
    again = engine.add_request(text, params(2), memory=first.memory, prompt_clamps=stretches)
    free = engine.add_request(text, params(2), memory=first.memory)
    assert finish(engine, again) == finish(engine, engine.add_request("", params(2), memory=held.memory))
    assert finish(engine, free) != [again.text]
    assert held.prompt_memory is None
