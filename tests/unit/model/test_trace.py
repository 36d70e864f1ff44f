"""A reading shows what there was when the text was written, whichever way one goes through it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from model import Clamp, LSTMState, Memory, SamplingParams, score
from model.backends.backend import Precision
from model.generation import stream
from model.int8.sampling import Randomness, choose
from model.trace import UNKNOWN, TextTrace
from tests.support.tiny_models import tiny_model

TEXT = "To be, or not to be: that is the question.\nWhether tis nobler in the mind to suffer\n" * 3


@pytest.fixture(scope="module")
def lm():
    return tiny_model()


def read(reading: TextTrace, start: int = 0):
    return list(reading.tokens(start))


@pytest.mark.parametrize("precision", ["int8", "float32"])
def test_a_reply_read_again_is_expected_as_it_was_when_it_was_drawn(lm, precision: Precision):
    prompt = "To be, or"
    begun = stream(lm, prompt, 20, seed=3, precision=precision)
    "".join(begun)
    memory = begun.sequence.memory
    more = stream(lm, " not", 80, temperature=1.1, seed=5, memory=memory, precision=precision)
    text = " not" + "".join(more)
    reading = TextTrace(lm, memory, precision=precision)
    reading.set_text(text)
    params, randomness = SamplingParams(temperature=1.1, length=80, seed=5), Randomness(5)
    for seen in read(reading)[4:]:
        assert seen.logits is not None
        assert choose(seen.logits, params, randomness.number(seen.position - 4)) == seen.id


def test_bits_are_those_of_score(lm):
    reading = TextTrace(lm, precision="float32")
    reading.set_text(TEXT)
    np.testing.assert_allclose([seen.bits for seen in read(reading)], score(lm, TEXT).bits, atol=1e-4)


def test_of_a_blank_memory_nothing_is_expected_first(lm):
    reading = TextTrace(lm, skip_start=True)
    reading.set_text("To")
    first, second = read(reading)
    assert first.logits is None
    assert np.isnan(first.bits)
    assert second.bits > 0


@pytest.mark.parametrize("precision", ["int8", "float32"])
def test_any_place_is_reached_from_anywhere(lm, precision: Precision):
    """More characters than places are kept, so that some of these are reached by a replay."""
    text = TEXT * 16
    reading = TextTrace(lm, precision=precision)
    reading.set_text(text)
    whole = read(reading)
    draw = np.random.default_rng(1)
    for position in draw.integers(0, len(text), 25).tolist():
        again = next(reading.tokens(position))
        assert np.array_equal(again.cells, whole[position].cells)
        assert again.bits == whole[position].bits
        look = reading.step(position)
        assert np.array_equal(look.token.cells, whole[position].cells)
        if position:
            assert np.array_equal(look.c_before, whole[position - 1].cells)


def test_who_reads_on_after_a_close_look_replays_nothing(lm, monkeypatch):
    reading = TextTrace(lm)
    reading.set_text(TEXT)
    on = reading.tokens()
    for _ in range(50):
        next(on)
    reading.step(3)
    calls = []
    forward = reading._backend.forward

    def counted(*given):
        calls.append(given)
        return forward(*given)

    monkeypatch.setattr(reading._backend, "forward", counted)
    assert next(on).position == 50
    assert len(calls) == 1


def test_two_who_walk_at_once_see_the_same(lm):
    reading = TextTrace(lm)
    reading.set_text(TEXT)
    for one, other in zip(reading.tokens(), reading.tokens(), strict=True):
        assert np.array_equal(one.cells, other.cells)


def test_a_text_that_changes_is_read_from_where_it_differs(lm):
    reading = TextTrace(lm)
    assert reading.set_text(TEXT) == 0
    read(reading)
    changed = TEXT[:100] + "X" + TEXT[101:]
    assert reading.set_text(changed) == 100
    fresh = TextTrace(lm)
    fresh.set_text(changed)
    assert [seen.bits for seen in read(reading)] == [seen.bits for seen in read(fresh)]
    assert reading.set_text(changed + "more") == len(changed)
    assert len(reading) == len(changed) + 4
    assert reading.set_text("") == 0
    assert read(reading) == []


def test_what_the_model_does_not_know_is_marked_and_changes_nothing(lm):
    reading, without = TextTrace(lm), TextTrace(lm)
    reading.set_text("Tö be")
    without.set_text("T be")
    seen = read(reading)
    assert seen[1].id == UNKNOWN
    assert np.isnan(seen[1].bits)
    assert np.array_equal(seen[1].cells, seen[0].cells)
    assert [each.bits for each in seen if each.id != UNKNOWN] == [each.bits for each in read(without)]
    assert not reading.step(1).gates.any()


@pytest.mark.parametrize("precision", ["int8", "float32"])
def test_the_gates_make_the_cells_from_those_before(lm, precision: Precision):
    reading = TextTrace(lm, precision=precision)
    reading.set_text(TEXT)
    for position in (0, 1, 50, 200):
        look = reading.step(position)
        i, f, g, _ = look.gates.transpose(1, 0, 2)
        np.testing.assert_allclose(f * look.c_before + i * g, look.token.cells, atol=1e-5)


def test_the_gates_are_those_of_the_network(lm):
    ids = torch.tensor([lm.tokenizer.encode("T")[0]])
    state = LSTMState(torch.rand(2, 1, 12) - 0.5, torch.rand(2, 1, 12))
    _, after = lm.network.step(ids, state)
    reading = TextTrace(lm, Memory(state, int(ids[0])), precision="float32")
    reading.set_text("o")
    x = lm.network.embedding(torch.tensor([lm.tokenizer.encode("o")[0]]))
    first = reading.step(0).gates[0]
    torch.testing.assert_close(torch.from_numpy(first)[None], lm.network.gates(0, x, after.h[0]))


@pytest.mark.parametrize("position", [-2, 2])
def test_a_position_outside_the_text_is_refused(lm, position):
    reading = TextTrace(lm)
    reading.set_text("To")
    with pytest.raises(IndexError, match="the text has 2 characters"):
        reading.step(position)


@pytest.mark.parametrize("precision", ["int8", "float32"])
def test_the_gates_of_a_whole_text_are_those_of_each_character(lm, precision: Precision):
    reading = TextTrace(lm, precision=precision)
    reading.set_text("To bö or")
    for layer in (0, 1):
        alone = [reading.step(position).gates[layer] for position in range(8)]
        np.testing.assert_allclose(reading.gates(layer), alone, atol=1e-6)
    reading.set_text("")
    assert reading.gates(0).shape == (0, 4, 12)


@pytest.mark.parametrize("precision", ["int8", "float32"])
def test_a_reply_that_was_written_with_cells_held_is_read_again_as_it_was(lm, precision: Precision):
    hold, other = [Clamp(0, 3, 4.0), Clamp(1, 2, 0.0)], [Clamp(1, 6, -4.0)]
    one = stream(lm, "To be, or", 30, seed=3, clamps=hold, precision=precision)
    first = "".join(one)
    reading = TextTrace(lm, skip_start=True, precision=precision)
    held = [(8, tuple(hold))]
    reading.set_text("To be, or" + first, held)
    read(reading)  # to its end, whose last character is read with other cells held now
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
        reading.set_text(text, held)
        seen = read(reading)
        for each in seen[9:]:
            assert choose(each.logits, SamplingParams(seed=3), Randomness(3).number(each.position - 9)) == each.id
    assert [each.cells[0, 3] == 4.0 for each in seen] == [8 <= at < 38 for at in range(len(text))]
    look = reading.step(50)
    assert look.clamps == tuple(other)
    assert np.array_equal(look.c_before, seen[49].cells)
    assert begun.memory is not None
    again = reading.state_after(len(text) - 2)
    assert torch.equal(again.h, begun.memory.state.h)
    assert torch.equal(again.c, begun.memory.state.c)


def test_what_was_read_before_the_text_is_held_too(lm):
    begun = stream(lm, "To be", 10, seed=3)
    "".join(begun)
    memory, hold = begun.sequence.memory, (Clamp(1, 5, 4.0),)
    text = stream(lm, "", 20, seed=4, memory=memory, clamps=hold)
    reading = TextTrace(lm, memory)
    reading.set_text("".join(text))
    free = read(reading)
    assert reading.set_text(text.sequence.text, [(-1, hold)]) == 0
    held = read(reading)
    assert not np.array_equal(held[0].logits, free[0].logits)
    for each in held:
        assert choose(each.logits, SamplingParams(seed=4), Randomness(4).number(each.position)) == each.id
    reading.set_text(text.sequence.text)
    assert np.array_equal(read(reading)[0].logits, free[0].logits)


@pytest.mark.parametrize("precision", ["int8", "float32"])
def test_a_close_look_shows_what_each_layer_showed_and_what_is_expected_next(lm, precision: Precision):
    reading = TextTrace(lm, precision=precision)
    reading.set_text("To be, or not")
    seen = read(reading)
    for position in (11, 3, 0, -1, 12):
        look = reading.step(position)
        o, c = look.gates[:, 3], look.token.cells
        np.testing.assert_allclose(look.h, o * np.tanh(c), atol=0.02)
        if 0 <= position < 12:
            assert look.logits_after is not None
            assert np.array_equal(look.logits_after, seen[position + 1].logits)
            assert np.array_equal(reading.step(position + 1).h_before, look.h)
    before = reading.step(-1)
    assert before.token.id == lm.tokenizer.start_id
    assert before.logits_after is not None
    assert np.array_equal(before.logits_after, seen[0].logits)
    assert not before.h_before.any()
    assert [each.bits for each in read(reading)] == [each.bits for each in seen]
    with pytest.raises(IndexError):
        TextTrace(lm, skip_start=True).step(-1)
