"""A blend mixes the predictions of two models, and is one model for the engine and for traces."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from model import Blend, CharLSTM, Engine, SamplingParams, TextTrace, generate, stream
from tests.support.tiny_models import ALPHABET, finish, tiny_model

Pair = tuple[CharLSTM, CharLSTM]
OTHER = ALPHABET.replace("Q", "").replace("!", "") + "äß0"


@pytest.fixture(scope="module")
def pair(lm) -> Pair:
    return lm, tiny_model(OTHER, hidden=9, layers=1, seed=4)


@pytest.fixture
def blend(pair) -> Blend:
    return Blend(*pair)


@pytest.mark.parametrize("precision", ["int8", "float32"])
def test_share_0_is_the_first_model_and_share_1_the_second(lm, precision: Any):
    """The stored vectors have the shares between, and models of which each has characters that the other lacks."""
    two = tiny_model(seed=4)
    models = (lm, Blend(lm, two, 0), Blend(lm, two), two, Blend(lm, two, 1.0))
    texts = [generate(each, "ROMEO:", 60, seed=3, precision=precision) for each in models]
    assert texts[0] == texts[1] != texts[2] != texts[3] == texts[4]


def test_each_request_of_a_batch_has_its_own_share_compiled_or_not(pair: Pair, blend, monkeypatch):
    shares = [0.0, 0.05, 0.25, 0.5, None, 0.75, 0.95, 1.0]
    asked = [SamplingParams(length=30, seed=n, share=share, top_k=20, top_p=0.9) for n, share in enumerate(shares)]
    alone = [
        generate(Blend(*pair, 0.5 if share is None else share), "ROMEO:"[: 1 + n % 6], 30, seed=n, top_k=20, top_p=0.9)
        for n, share in enumerate(shares)
    ]
    bits = []
    for _ in range(2):
        engine = Engine(blend)
        sequences = [engine.add_request("ROMEO:"[: 1 + n % 6], p) for n, p in enumerate(asked)]
        assert finish(engine, *sequences) == alone
        bits.append([each.bits(0, 30) for each in sequences])
        monkeypatch.setattr("model.backends.backend.numba_available", lambda: False)
    np.testing.assert_allclose(bits[0], bits[1], atol=1e-3)


def test_a_blend_continues_from_its_memory_and_its_traces_have_the_cells_and_gates_of_both_models(pair, blend):
    first = stream(blend, "ROMEO:", 40, seed=6)
    text, memory = "".join(first), first.sequence.memory
    more = generate(blend, "", 40, seed=6, memory=memory, draw_offset=first.sequence.next_draw_offset)
    assert text + more == generate(blend, "ROMEO:", 80, seed=6)
    traces = [TextTrace(lm, skip_start=True) for lm in (blend, *pair)]
    for trace in traces:
        trace.set_text("ROMEO:" + text)
    assert memory is not None
    state = traces[0].state_after(len("ROMEO:" + text) - 2)
    assert torch.equal(state.h, memory.state.h)
    assert torch.equal(state.c, memory.state.c)
    whole, one, two = (trace.step(8) for trace in traces)
    for name in ("c_before", "gates"):
        both = getattr(whole, name)
        assert np.array_equal(both[:2], getattr(one, name))
        assert np.array_equal(both[2:, ..., :9], getattr(two, name))
        assert not both[2:, ..., 9:].any()
    assert np.array_equal(traces[0].gates(2)[..., :9], traces[2].gates(0))


def test_a_wrong_blend_is_refused(pair: Pair, blend):
    with pytest.raises(ValueError, match="share no character: they cannot write together"):
        Blend(pair[0], tiny_model("äöü"))
    shares: list[Any] = [-0.1, 1.1, math.nan, True, "0.5", None]
    for share in shares:
        with pytest.raises(ValueError, match=r"^share is .*: it must be a number from 0 to 1"):
            Blend(*pair, share)
    with pytest.raises(ValueError, match="cells of a blend cannot be clamped"):
        Engine(blend).add_request("", SamplingParams(), clamps=[(0, 0, 1.0)])
