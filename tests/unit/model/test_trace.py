"""A trace has the numbers with which a text was generated, in whichever order its characters are requested."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from model import Blend, Clamp, LSTMState, Memory, SamplingParams, score
from model.generation import stream
from model.int8.sampling import Randomness, choose
from model.int8.weights import step as int8_step
from model.settings import Precision
from model.trace import UNKNOWN, TextTrace
from tests.support.tiny_models import tiny_model

TEXT = "To be, or not to be: that is the question.\nWhether tis nobler in the mind to suffer\n" * 3


@pytest.fixture(scope="module")
def lm():
    return tiny_model()


def read(trace: TextTrace, start: int = 0):
    return list(trace.tokens(start))


@pytest.mark.parametrize("precision", ["int8", "float32"])
def test_the_logits_are_those_from_which_a_reply_was_drawn(lm, precision: Precision):
    prompt = "To be, or"
    begun = stream(lm, prompt, 20, seed=3, precision=precision)
    "".join(begun)
    memory = begun.sequence.memory
    more = stream(lm, " not", 80, temperature=1.1, seed=5, memory=memory, precision=precision)
    text = " not" + "".join(more)
    trace = TextTrace(lm, memory, precision=precision)
    trace.set_text(text)
    params, randomness = SamplingParams(temperature=1.1, length=80, seed=5), Randomness(5)
    for seen in read(trace)[4:]:
        assert seen.logits is not None
        assert choose(seen.logits, params, randomness.number(seen.position - 4)) == seen.id


def test_bits_equal_those_of_score(lm):
    trace = TextTrace(lm, precision="float32")
    trace.set_text(TEXT)
    np.testing.assert_allclose([seen.bits for seen in read(trace)], score(lm, TEXT).bits, atol=1e-4)


def test_without_a_start_the_first_character_has_no_prediction(lm):
    trace = TextTrace(lm, skip_start=True)
    trace.set_text("To")
    first, second = read(trace)
    assert first.logits is None
    assert np.isnan(first.bits)
    assert second.bits > 0


@pytest.mark.parametrize("precision", ["int8", "float32"])
def test_every_position_can_be_reached_from_every_other(lm, precision: Precision):
    """The text is longer than the number of saved states, so some positions are reached by a replay."""
    text = TEXT * 16
    trace = TextTrace(lm, precision=precision)
    trace.set_text(text)
    whole = read(trace)
    draw = np.random.default_rng(1)
    for position in draw.integers(0, len(text), 25).tolist():
        again = next(trace.tokens(position))
        assert np.array_equal(again.cells, whole[position].cells)
        assert again.bits == whole[position].bits
        step = trace.step(position)
        assert np.array_equal(step.token.cells, whole[position].cells)
        if position:
            assert np.array_equal(step.c_before, whole[position - 1].cells)


def test_a_step_during_an_iteration_causes_no_replay(lm, monkeypatch):
    trace = TextTrace(lm)
    trace.set_text(TEXT)
    on = trace.tokens()
    for _ in range(50):
        next(on)
    trace.step(3)
    calls = []
    forward = trace._backend.forward

    def counted(*given):
        calls.append(given)
        return forward(*given)

    monkeypatch.setattr(trace._backend, "forward", counted)
    assert next(on).position == 50
    assert len(calls) == 1


def test_two_concurrent_iterations_yield_the_same(lm):
    trace = TextTrace(lm)
    trace.set_text(TEXT)
    for one, other in zip(trace.tokens(), trace.tokens(), strict=True):
        assert np.array_equal(one.cells, other.cells)


def test_a_changed_text_is_read_again_from_the_first_change(lm):
    trace = TextTrace(lm)
    assert trace.set_text(TEXT) == 0
    read(trace)
    changed = TEXT[:100] + "X" + TEXT[101:]
    assert trace.set_text(changed) == 100
    fresh = TextTrace(lm)
    fresh.set_text(changed)
    assert [seen.bits for seen in read(trace)] == [seen.bits for seen in read(fresh)]
    assert trace.set_text(changed + "more") == len(changed)
    assert len(trace) == len(changed) + 4
    assert trace.set_text("") == 0
    assert read(trace) == []


def test_unknown_characters_are_marked_and_not_read(lm):
    trace, without = TextTrace(lm), TextTrace(lm)
    trace.set_text("Tö be")
    without.set_text("T be")
    seen = read(trace)
    assert seen[1].id == UNKNOWN
    assert np.isnan(seen[1].bits)
    assert np.array_equal(seen[1].cells, seen[0].cells)
    assert [each.bits for each in seen if each.id != UNKNOWN] == [each.bits for each in read(without)]
    assert not trace.step(1).gates.any()


@pytest.mark.parametrize("precision", ["int8", "float32"])
def test_gates_and_old_cells_give_the_new_cells(lm, precision: Precision):
    trace = TextTrace(lm, precision=precision)
    trace.set_text(TEXT)
    for position in (0, 1, 50, 200):
        step = trace.step(position)
        i, f, g, _ = step.gates.transpose(1, 0, 2)
        np.testing.assert_allclose(f * step.c_before + i * g, step.token.cells, atol=1e-5)


def test_gates_equal_those_of_the_network(lm):
    ids = torch.tensor([lm.tokenizer.encode("T")[0]])
    state = LSTMState(torch.rand(2, 1, 12) - 0.5, torch.rand(2, 1, 12))
    _, after = lm.network.step(ids, state)
    trace = TextTrace(lm, Memory(state, int(ids[0])), precision="float32")
    trace.set_text("o")
    x = lm.network.embedding(torch.tensor([lm.tokenizer.encode("o")[0]]))
    first = trace.step(0).gates[0]
    torch.testing.assert_close(torch.from_numpy(first)[None], lm.network.gates(0, x, after.h[0]))


@pytest.mark.parametrize("position", [-2, 2])
def test_a_position_outside_the_text_is_refused(lm, position):
    trace = TextTrace(lm)
    trace.set_text("To")
    with pytest.raises(IndexError, match="the text has 2 characters"):
        trace.step(position)


@pytest.mark.parametrize("precision", ["int8", "float32"])
def test_the_gates_of_a_text_equal_those_of_its_steps(lm, precision: Precision):
    trace = TextTrace(lm, precision=precision)
    trace.set_text("To bö or")
    for layer in (0, 1):
        alone = [trace.step(position).gates[layer] for position in range(8)]
        np.testing.assert_allclose(trace.gates(layer), alone, atol=1e-6)
    trace.set_text("")
    assert trace.gates(0).shape == (0, 4, 12)


@pytest.mark.parametrize("precision", ["int8", "float32"])
def test_a_reply_with_clamps_has_the_logits_from_which_it_was_drawn(lm, precision: Precision):
    hold, other = [Clamp(0, 3, 4.0), Clamp(1, 2, 0.0)], [Clamp(1, 6, -4.0)]
    one = stream(lm, "To be, or", 30, seed=3, clamps=hold, precision=precision)
    first = "".join(one)
    trace = TextTrace(lm, skip_start=True, precision=precision)
    held = [(8, tuple(hold))]
    trace.set_text("To be, or" + first, held)
    read(trace)  # to the end, where the last character will be read with other clamps
    begun, text = one.sequence, "To be, or" + first
    for seed, more in ((3, other), (3, [])):
        part = stream(
            lm,
            "",
            30,
            seed=seed,
            memory=begun.memory,
            draw_offset=begun.next_draw_offset,
            clamps=more,
            precision=precision,
        )
        held = [*held, (len(text) - 1, tuple(more))]
        text += "".join(part)
        begun = part.sequence
        trace.set_text(text, held)
        seen = read(trace)
        for each in seen[9:]:
            assert choose(each.logits, SamplingParams(seed=3), Randomness(3).number(each.position - 9)) == each.id
    assert [each.cells[0, 3] == 4.0 for each in seen] == [8 <= at < 38 for at in range(len(text))]
    step = trace.step(50)
    assert step.clamps == tuple(other)
    assert np.array_equal(step.c_before, seen[49].cells)
    assert begun.memory is not None
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
    assert not np.array_equal(held[0].logits, free[0].logits)
    for each in held:
        assert choose(each.logits, SamplingParams(seed=4), Randomness(4).number(each.position)) == each.id
    trace.set_text(text.sequence.text)
    assert np.array_equal(read(trace)[0].logits, free[0].logits)


@pytest.mark.parametrize("precision", ["int8", "float32"])
def test_a_step_has_the_outputs_of_each_layer_and_the_next_prediction(lm, precision: Precision):
    trace = TextTrace(lm, precision=precision)
    trace.set_text("To be, or not")
    seen = read(trace)
    for position in (11, 3, 0, -1, 12):
        step = trace.step(position)
        o, c = step.gates[:, 3], step.token.cells
        np.testing.assert_allclose(step.h, o * np.tanh(c), atol=0.02)
        if 0 <= position < 12:
            assert step.logits_after is not None
            assert np.array_equal(step.logits_after, seen[position + 1].logits)
            assert np.array_equal(trace.step(position + 1).h_before, step.h)
    before = trace.step(-1)
    assert before.token.id == lm.tokenizer.start_id
    assert before.logits_after is not None
    assert np.array_equal(before.logits_after, seen[0].logits)
    assert not before.h_before.any()
    assert [each.bits for each in read(trace)] == [each.bits for each in seen]
    with pytest.raises(IndexError):
        TextTrace(lm, skip_start=True).step(-1)


def test_a_distant_position_is_reached_in_parts(lm):
    text = TEXT * 16
    trace = TextTrace(lm)
    trace.set_text(text)
    parts = 1
    while not trace.approach(len(text) - 1, 50):
        parts += 1
    assert len(text) // 50 - 3 <= parts <= len(text) // 50
    whole = TextTrace(lm)
    whole.set_text(text)
    assert np.array_equal(trace.step(len(text) - 1).h, whole.step(len(text) - 1).h)
    assert trace.approach(7, 0)  # a saved state is near


def test_a_position_is_reached_without_reading_characters_twice(lm):
    trace = TextTrace(lm)
    trace.set_text(TEXT * 16)
    tokens = trace.tokens()
    for _ in range(1000):
        next(tokens)
    assert trace.approach(1000, 0)
    assert not trace.approach(3000, 0)
    assert trace._position == 1000


def test_the_prediction_of_the_first_layer_is_the_output_layer_on_its_h(lm):
    exact, quantized = (TextTrace(lm, precision=precision) for precision in ("float32", "int8"))
    state, weights = LSTMState.zeros(lm.config), lm.int8_weights()
    h = c = torch.zeros(2, 1, 12)
    h = h.to(torch.int8)
    exact.set_text(TEXT[:9])
    quantized.set_text(TEXT[:9])
    for position, id_ in enumerate([lm.tokenizer.start_id, *lm.tokenizer.encode(TEXT[:8]).tolist()]):
        _, state = lm.network.step(torch.tensor([id_]), state)
        plain = state.h[0, 0] @ lm.network.output.weight.T + lm.network.output.bias
        found, found_int8 = exact.first_layer_logits(position), quantized.first_layer_logits(position)
        assert found is not None
        assert found_int8 is not None
        np.testing.assert_allclose(found, plain.numpy(), rtol=1e-5, atol=1e-5)
        _, h, c = int8_step(weights, torch.tensor([id_]), h, c)
        sums = h[0, 0].numpy().astype(np.int32) @ weights.output.q.numpy().astype(np.int32).T
        expected = sums.astype(np.float32) * weights.output.scale.numpy() + weights.output_bias.numpy()
        assert np.array_equal(found_int8, expected)


def test_no_prediction_of_the_first_layer_where_there_is_none():
    one_layer, skipping = TextTrace(tiny_model(layers=1)), TextTrace(tiny_model(), skip_start=True)
    blend = TextTrace(Blend(tiny_model(), tiny_model(seed=1)))
    for trace in (one_layer, skipping, blend):
        trace.set_text("To be")
    assert one_layer.first_layer_logits(3) is None
    assert blend.first_layer_logits(3) is None
    assert skipping.first_layer_logits(0) is None
    assert skipping.first_layer_logits(1) is not None
