"""A blend mixes the predictions of two models, and is one model for the engine and for traces."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from model import Blend, CharLSTM, Engine, SamplingParams, TextTrace, generate, stream
from model.int8.sampling import Randomness, choose
from tests.support.app_server import scripted_model
from tests.support.engines import finish
from tests.support.tiny_models import ALPHABET, tiny_model

OTHER = ALPHABET.replace("Q", "").replace("!", "") + "äß0"


@pytest.fixture(scope="module")
def pair() -> tuple[CharLSTM, CharLSTM]:
    return tiny_model(), tiny_model(OTHER, hidden=9, layers=1, seed=4)


@pytest.fixture
def blend(pair: tuple[CharLSTM, CharLSTM]) -> Blend:
    return Blend(*pair)


@pytest.mark.parametrize("precision", ["int8", "float32"])
def test_log_probabilities_over_the_shared_characters_are_mixed(
    pair: tuple[CharLSTM, CharLSTM], precision: Any
) -> None:
    """Computed by the definition, with softmax and logarithm, from the two models."""
    share, text = 0.3, ""
    params = SamplingParams(temperature=1.2, seed=5)
    randomness = Randomness(5)
    shared = [character for character in pair[0].tokenizer.vocab if character in pair[1].tokenizer.vocab]
    backends = [lm.make_backend(1, precision) for lm in pair]
    row, read = np.zeros(1, np.int64), "ROMEO:"
    for step in range(len(read) + 149):
        mixed = np.zeros(len(shared))
        for lm, backend, weight in zip(pair, backends, (1 - share, share), strict=True):
            logits = backend.forward(row, lm.tokenizer.encode((read + text)[step]))[0].astype(np.float64)
            of_shared = logits[lm.tokenizer.encode("".join(shared))]
            mixed += weight * (of_shared - np.log(np.exp(of_shared - of_shared.max()).sum()) - of_shared.max())
        if step >= len(read) - 1:
            text += shared[choose(mixed.astype(np.float32), params, randomness.number(len(text)))]
    blend = Blend(*pair, share)
    assert generate(blend, read, 150, temperature=1.2, seed=5, precision=precision) == text


def test_share_0_is_the_first_model_and_share_1_the_second() -> None:
    one, two = tiny_model(), tiny_model(seed=4)
    texts = [generate(lm, "ROMEO:", 200, seed=3) for lm in (one, Blend(one, two, 0), Blend(one, two), two)]
    assert texts[0] == texts[1] != texts[2] != texts[3] == generate(Blend(one, two, 1.0), "ROMEO:", 200, seed=3)


def test_each_request_of_a_batch_has_its_own_share_compiled_or_not(
    blend: Blend, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = [0.0, 0.05, 0.25, 0.5, None, 0.75, 0.95, 1.0]
    asked = [SamplingParams(length=60, seed=n, share=share, top_k=20, top_p=0.9) for n, share in enumerate(shares)]
    alone = [
        generate(blend.with_share(share), "ROMEO:"[: 1 + n % 6], 60, seed=n, top_k=20, top_p=0.9)
        for n, share in enumerate(shares)
    ]
    for _ in range(2):
        engine = Engine(blend)
        assert finish(engine, *(engine.add_request("ROMEO:"[: 1 + n % 6], p) for n, p in enumerate(asked))) == alone
        monkeypatch.setattr("model.backends.int8_products.numba_available", lambda: False)


def test_a_blend_continues_from_its_memory_and_can_be_traced(blend: Blend) -> None:
    first = stream(blend, "ROMEO:", 40, seed=6)
    text = "".join(first)
    memory = first.sequence.memory
    more = generate(blend, "", 40, seed=6, memory=memory, draw_offset=first.sequence.next_draw_offset)
    assert text + more == generate(blend, "ROMEO:", 80, seed=6)
    trace, other = (TextTrace(each, skip_start=True) for each in (blend, blend.with_share(1.0)))
    trace.set_text("ROMEO:" + text)
    other.set_text("ROMEO:" + text)
    assert memory is not None
    state = trace.state_after(len("ROMEO:" + text) - 2)
    assert torch.equal(state.h, memory.state.h)
    assert torch.equal(state.c, memory.state.c)
    seen = [each.bits for each in trace.tokens()][1:]
    assert all(bits >= 0 for bits in seen)
    assert [each.bits for each in other.tokens()][1:] != seen


def test_the_cells_and_gates_are_those_of_both_models(pair: tuple[CharLSTM, CharLSTM]) -> None:
    traces = [TextTrace(lm, skip_start=True) for lm in (Blend(*pair), *pair)]
    for trace in traces:
        trace.set_text("ROMEO:\nis it")
    whole, first, second = (trace.step(8) for trace in traces)
    for name in ("c_before", "gates"):
        both = getattr(whole, name)
        assert np.array_equal(both[:2], getattr(first, name))
        assert np.array_equal(both[2:, ..., :9], getattr(second, name))
        assert not both[2:, ..., 9:].any()
    assert np.array_equal(traces[0].gates(2)[..., :9], traces[2].gates(0))


def test_characters_of_only_one_model_are_neither_generated_nor_read(blend: Blend) -> None:
    assert set(blend.tokenizer.vocab) == set(ALPHABET) & set(OTHER)
    reply = stream(blend, "Qä!", 300, temperature=2.0, seed=1, unknown="skip")
    text = "".join(reply)
    assert set(text) <= set(blend.tokenizer.vocab)
    assert [each.character for each in reply.sequence.unknown] == ["Q", "ä", "!"]
    assert text == generate(blend, "", 300, temperature=2.0, seed=1)


def test_a_step_that_fails_in_the_second_model_restores_the_first() -> None:
    tale = "abcdefghij" * 9
    second = scripted_model(tale)
    blend = Blend(scripted_model(tale), second, 0.5)
    network: Any = second.network
    network.fail_at = 7
    engine = Engine(blend)
    sequence = engine.add_request("", SamplingParams(length=20, seed=1))
    assert finish(engine, sequence) == [tale[:7]]
    assert sequence.error == "RuntimeError while writing"
    network.fail_at = None
    again = engine.add_request("", SamplingParams(length=5, seed=1), memory=sequence.memory, draw_offset=7)
    assert finish(engine, again) == [tale[7:12]]


def test_a_wrong_blend_is_refused(pair: tuple[CharLSTM, CharLSTM], blend: Blend) -> None:
    with pytest.raises(ValueError, match="share no character: they cannot write together"):
        Blend(pair[0], tiny_model("äöü"))
    shares: list[Any] = [-0.1, 1.1, math.nan, True, "0.5", None]
    for share in shares:
        with pytest.raises(ValueError, match=r"^share is .*: it must be a number from 0 to 1"):
            Blend(*pair, share)
    with pytest.raises(ValueError, match="cells of a blend cannot be clamped"):
        Engine(blend).add_request("", SamplingParams(), clamps=[(0, 0, 1.0)])
