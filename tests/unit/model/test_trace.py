"""A trace has the numbers with which a text was generated, in whichever order its characters are requested."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from model import Blend, CharLSTM, Clamp, LSTMState, SamplingParams, TokenTrace, score
from model.generation import stream
from model.int8.sampling import Randomness, choose
from model.int8.weights import step as int8_step
from model.settings import Precision
from model.trace import UNKNOWN, TextTrace
from tests.support.tiny_models import tiny_model

TEXT = "To be, or not to be: that is the question.\nWhether tis nobler in the mind to suffer\n" * 3
both = pytest.mark.parametrize("precision", ["int8", "float32"])


@pytest.fixture(scope="module")
def lm() -> CharLSTM:
    return tiny_model()


def read(trace: TextTrace, start: int = 0) -> list[TokenTrace]:
    return list(trace.tokens(start))


def predicted(seen: TokenTrace) -> np.ndarray:
    assert seen.logits is not None
    return seen.logits


def bits(trace: TextTrace) -> list[float]:
    return [each.bits for each in trace.tokens()]


def drawn_from(seen: TokenTrace, seed: int, number: int, **settings: float) -> bool:
    """Returns whether a character is the one that is drawn from its prediction."""
    params = SamplingParams(seed=seed, **settings)  # type: ignore[arg-type]
    return choose(predicted(seen), params, Randomness(seed).number(number)) == seen.id


@both
def test_the_logits_are_those_from_which_a_reply_was_drawn(lm, precision: Precision):
    begun = stream(lm, "To be, or", 20, seed=3, precision=precision)
    "".join(begun)
    more = stream(lm, " not", 80, temperature=1.1, seed=5, memory=begun.sequence.memory, precision=precision)
    trace = TextTrace(lm, begun.sequence.memory, precision=precision)
    trace.set_text(" not" + "".join(more))
    assert all(drawn_from(seen, 5, seen.position - 4, temperature=1.1) for seen in read(trace)[4:])


def test_bits_equal_those_of_score_and_are_missing_without_a_start(lm):
    trace, skipping = TextTrace(lm, precision="float32"), TextTrace(lm, skip_start=True)
    trace.set_text(TEXT)
    np.testing.assert_allclose(bits(trace), score(lm, TEXT).bits, atol=1e-4)
    skipping.set_text("To")
    first, second = read(skipping)
    assert (first.logits, np.isnan(first.bits), second.bits > 0) == (None, True, True)


@both
def test_every_position_can_be_reached_from_every_other(lm, precision: Precision):
    """The text is longer than the number of saved states, so some positions are reached by a replay."""
    text = TEXT * 16
    trace = TextTrace(lm, precision=precision)
    trace.set_text(text)
    whole = read(trace)
    for position in np.random.default_rng(1).integers(0, len(text), 25).tolist():
        again = next(trace.tokens(position))
        assert np.array_equal(again.cells, whole[position].cells)
        assert again.bits == whole[position].bits
        step = trace.step(position)
        assert np.array_equal(step.token.cells, whole[position].cells)
        assert not position or np.array_equal(step.c_before, whole[position - 1].cells)


def test_a_changed_text_is_read_again_from_the_first_change(lm):
    trace, fresh = TextTrace(lm), TextTrace(lm)
    assert trace.set_text(TEXT) == 0
    read(trace)
    changed = TEXT[:100] + "X" + TEXT[101:]
    assert trace.set_text(changed) == 100
    fresh.set_text(changed)
    assert bits(trace) == bits(fresh)
    assert (trace.set_text(changed + "more"), len(trace)) == (len(changed), len(changed) + 4)
    assert (trace.set_text(""), read(trace), trace.gates(0).shape) == (0, [], (0, 4, 12))


def test_unknown_characters_are_marked_and_not_read(lm):
    trace, without = TextTrace(lm), TextTrace(lm)
    trace.set_text("Tö be")
    without.set_text("T be")
    seen = read(trace)
    assert (seen[1].id, np.isnan(seen[1].bits)) == (UNKNOWN, True)
    assert np.array_equal(seen[1].cells, seen[0].cells)
    assert [each.bits for each in seen if each.id != UNKNOWN] == bits(without)
    assert not trace.step(1).gates.any()


@both
def test_the_values_of_a_step_follow_from_each_other(lm, precision: Precision):
    """Gates and old cells give the new cells, cells and output gate give h, and h the next prediction."""
    trace = TextTrace(lm, precision=precision)
    trace.set_text(TEXT)
    seen = read(trace)
    for position in (50, 3, 0, -1, len(TEXT) - 1):
        step = trace.step(position)
        i, f, g, o = step.gates.transpose(1, 0, 2)
        np.testing.assert_allclose(f * step.c_before + i * g, step.token.cells, atol=1e-5)
        np.testing.assert_allclose(step.h, o * np.tanh(step.token.cells), atol=0.02)
        if position < len(TEXT) - 1:
            assert step.logits_after is not None
            assert np.array_equal(step.logits_after, predicted(seen[position + 1]))
            assert np.array_equal(trace.step(position + 1).h_before, step.h)
    before = trace.step(-1)
    assert before.token.id == lm.tokenizer.start_id
    assert not before.h_before.any()
    assert bits(trace) == [each.bits for each in seen]
    trace.set_text("To bö or")
    for layer in (0, 1):
        alone = [trace.step(position).gates[layer] for position in range(8)]
        np.testing.assert_allclose(trace.gates(layer), alone, atol=1e-6)
    for wrong, position in ((trace, -2), (trace, 8), (TextTrace(lm, skip_start=True), -1)):
        with pytest.raises(IndexError, match=r"the text has [08] characters"):
            wrong.step(position)


@both
def test_a_reply_with_clamps_has_the_logits_from_which_it_was_drawn(lm, precision: Precision):
    hold, other = (Clamp(0, 3, 4.0), Clamp(1, 2, 0.0)), (Clamp(1, 6, -4.0),)
    trace, begun, text = TextTrace(lm, skip_start=True, precision=precision), None, "To be, or"
    held: list[tuple[int, tuple[Clamp, ...]]] = []
    for clamps in (hold, other, ()):
        memory, offset = (begun.memory, begun.next_draw_offset) if begun else (None, 0)
        prompt = "" if begun else text
        part = stream(lm, prompt, 30, seed=3, memory=memory, draw_offset=offset, clamps=clamps, precision=precision)
        held.append((len(text) - 1, clamps))
        text += "".join(part)
        begun = part.sequence
        trace.set_text(text, held)
        seen = read(trace)
        assert all(drawn_from(each, 3, each.position - 9) for each in seen[9:])
    assert [each.cells[0, 3] == 4.0 for each in seen] == [8 <= at < 38 for at in range(len(text))]
    step = trace.step(50)
    assert step.clamps == other
    assert np.array_equal(step.c_before, seen[49].cells)
    assert begun
    assert begun.memory
    again = trace.state_after(len(text) - 2)
    assert torch.equal(again.h, begun.memory.state.h)
    assert torch.equal(again.c, begun.memory.state.c)


def test_clamps_can_include_the_character_before_the_text(lm):
    begun = stream(lm, "To be", 10, seed=3)
    "".join(begun)
    memory, hold = begun.sequence.memory, (Clamp(1, 5, 4.0),)
    text = stream(lm, "", 20, seed=4, memory=memory, clamps=hold)
    trace = TextTrace(lm, memory)
    trace.set_text("".join(text))
    free = read(trace)
    assert trace.set_text(text.sequence.text, [(-1, hold)]) == 0
    held = read(trace)
    assert not np.array_equal(predicted(held[0]), predicted(free[0]))
    assert all(drawn_from(each, 4, each.position) for each in held)
    trace.set_text(text.sequence.text)
    assert np.array_equal(predicted(read(trace)[0]), predicted(free[0]))


def test_a_distant_position_is_reached_in_parts_without_reading_characters_twice(lm):
    text = TEXT * 16
    trace, whole = TextTrace(lm), TextTrace(lm)
    trace.set_text(text)
    whole.set_text(text)
    tokens = trace.tokens()
    for _ in range(1000):
        next(tokens)
    assert (trace.approach(1000, 0), trace.approach(3000, 0), trace._position) == (True, False, 1000)
    parts = 1
    while not trace.approach(len(text) - 1, 50):
        parts += 1
    assert (len(text) - 1000) // 50 - 3 <= parts <= (len(text) - 1000) // 50
    assert np.array_equal(trace.step(len(text) - 1).h, whole.step(len(text) - 1).h)
    assert trace.approach(7, 0), "a saved state is near"


def test_the_prediction_of_the_first_layer_is_the_output_layer_on_its_h(lm):
    exact, quantized = (TextTrace(lm, precision=precision) for precision in ("float32", "int8"))
    state, weights = LSTMState.zeros(lm.config), lm.int8_weights()
    h, c = state.h.to(torch.int8), state.c
    exact.set_text(TEXT[:9])
    quantized.set_text(TEXT[:9])
    for position, id_ in enumerate([lm.tokenizer.start_id, *lm.tokenizer.encode(TEXT[:8]).tolist()]):
        _, state = lm.network.step(torch.tensor([id_]), state)
        plain = state.h[0, 0] @ lm.network.output.weight.T + lm.network.output.bias
        found, found_int8 = exact.first_layer_logits(position), quantized.first_layer_logits(position)
        assert found is not None
        np.testing.assert_allclose(found, plain.numpy(), rtol=1e-5, atol=1e-5)
        _, h, c = int8_step(weights, torch.tensor([id_]), h, c)
        sums = h[0, 0].numpy().astype(np.int32) @ weights.output.q.numpy().astype(np.int32).T
        expected = sums.astype(np.float32) * weights.output.scale.numpy() + weights.output_bias.numpy()
        assert found_int8 is not None
        assert np.array_equal(found_int8, expected)
    for lm_, has in ((tiny_model(layers=1), False), (Blend(tiny_model(), tiny_model(seed=1)), False), (lm, True)):
        trace = TextTrace(lm_, skip_start=True)
        trace.set_text("To be")
        assert (trace.first_layer_logits(3) is None) != has
        assert trace.first_layer_logits(0) is None
