"""A trace has the numbers with which a text was generated, in whichever order; occlusion has those of shorter texts."""

from typing import cast

import numpy as np
import pytest
import torch

from model import Blend, Clamp, SamplingParams, TokenTrace, occlusion, score
from model.attribution import occlusion_in_slices
from model.backends.backend import Floats
from model.clamps import Stretches
from model.engine.blend import LanguageModel
from model.generation import stream
from model.int8.sampling import Randomness, choose
from model.scoring import result_of
from model.settings import Precision
from model.trace import UNKNOWN, TextTrace
from tests.support.tiny_models import tiny_model

TEXT = "To be, or not to be: that is the question.\nWhether tis nobler in the mind to suffer\n" * 3
both = pytest.mark.parametrize("precision", ["int8", "float32"])


def read(trace: TextTrace) -> list[TokenTrace]:
    return list(trace.tokens())


def test_bits_equal_those_of_score_and_are_missing_without_a_start_or_for_unknown_characters(lm):
    trace, skipping = TextTrace(lm, precision="float32"), TextTrace(lm, skip_start=True)
    trace.set_text(TEXT)
    np.testing.assert_allclose([each.bits for each in trace.tokens()], score(lm, TEXT).bits, atol=1e-4)
    skipping.set_text("To")
    first, second = read(skipping)
    assert (first.logits, np.isnan(first.bits), second.bits > 0) == (None, True, True)
    assert trace.set_text("T be") == 1
    without = [each.bits for each in trace.tokens()]
    trace.set_text("Tö be")
    seen = read(trace)
    assert (seen[1].id, np.isnan(seen[1].bits)) == (UNKNOWN, True)
    assert np.array_equal(seen[1].cells, seen[0].cells)
    assert [each.bits for each in seen if each.id != UNKNOWN] == without
    assert not trace.step(1).gates.any()


@both
def test_every_position_can_be_reached_from_every_other_and_a_far_one_in_parts(lm, precision: Precision):
    """The text is longer than the number of saved states, so some positions are reached by a replay."""
    text = TEXT * 10
    trace, fresh = TextTrace(lm, precision=precision), TextTrace(lm, precision=precision)
    for each in (trace, fresh):
        each.set_text(text)
    whole = read(trace)
    for position in np.random.default_rng(1).integers(1, len(text), 25).tolist():
        assert next(trace.tokens(position)).bits == whole[position].bits
        step = trace.step(position)
        assert np.array_equal(step.token.cells, whole[position].cells)
        assert np.array_equal(step.c_before, whole[position - 1].cells)
    parts = 1
    while not fresh.approach(len(text) - 1, 50):
        parts += 1
    assert len(text) // 50 - 3 <= parts <= len(text) // 50, "no character is read twice"
    assert np.array_equal(fresh.step(len(text) - 1).h, trace.step(len(text) - 1).h)


def test_a_changed_text_is_read_again_from_the_first_change(lm):
    """From the state before it that is saved, not from one of the old text."""
    trace, fresh = TextTrace(lm), TextTrace(lm)
    trace.set_text(TEXT)
    trace.state_after(150)
    changed = TEXT[:127] + "X" + TEXT[128:]
    assert trace.set_text(changed) == 127
    fresh.set_text(changed)
    assert torch.equal(trace.state_after(152).c, fresh.state_after(152).c)


@both
def test_the_values_of_a_step_follow_from_each_other(lm, precision: Precision):
    """Gates and old cells give the new cells, cells and output gate give h, and h the next prediction."""
    trace = TextTrace(lm, precision=precision)
    trace.set_text(TEXT, [(40, (Clamp(0, 4, 1.5),))])
    seen = read(trace)
    for position in (50, 3, 0, -1, len(TEXT) - 1):
        step = trace.step(position)
        i, f, g, o = step.gates.transpose(1, 0, 2)
        cells = f * step.c_before + i * g
        cells[0, 4] = 1.5 if position >= 40 else cells[0, 4]  # clamped
        np.testing.assert_allclose(cells, step.token.cells, atol=1e-5)
        np.testing.assert_allclose(step.h, o * np.tanh(step.token.cells), atol=0.02)
        if position < len(TEXT) - 1:
            assert np.array_equal(cast(Floats, step.logits_after), cast(Floats, seen[position + 1].logits))
            assert np.array_equal(trace.step(position + 1).h_before, step.h)
    assert [each.bits for each in trace.tokens()] == [each.bits for each in seen]
    trace.set_text("To bö or")
    for layer in (0, 1):
        alone = [trace.step(position).gates[layer] for position in range(8)]
        np.testing.assert_allclose(trace.gates(layer), alone, atol=1e-6)
    for wrong, position in ((trace, -2), (trace, 8), (TextTrace(lm, skip_start=True), -1)):
        with pytest.raises(IndexError, match=r"the text has [08] characters"):
            wrong.step(position)


@both
def test_the_logits_are_those_from_which_a_reply_was_drawn_with_clamps_and_without(lm, precision: Precision):
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
        np.testing.assert_allclose(begun.bits(0, 30), [each.bits for each in seen[-30:]], atol=1e-3)
        for number, each in enumerate(seen[9:]):
            assert choose(cast(Floats, each.logits), SamplingParams(seed=3), Randomness(3).number(number)) == each.id
    assert [each.cells[0, 3] == 4.0 for each in seen] == [8 <= at < 38 for at in range(len(text))]
    assert begun
    assert begun.memory
    again = trace.state_after(len(text) - 2)
    assert torch.equal(again.h, begun.memory.state.h)
    assert torch.equal(again.c, begun.memory.state.c)


HELD: Stretches = ((3, (Clamp(0, 1, 4.0),)), (14, ()), (20, (Clamp(1, 2, -4.0),)))


def bits(lm: LanguageModel, text: str, position: int, precision: Precision, clamps: Stretches = ()) -> float:
    trace = TextTrace(lm, precision=precision)
    trace.set_text(text, clamps)
    return next(trace.tokens(position)).bits


def plainly(lm: LanguageModel, position: int, window: int, precision: Precision, clamps: Stretches = ()) -> list[float]:
    whole, changes = bits(lm, TEXT, position, precision, clamps), []
    for left_out in range(max(0, position - window), position):
        moved = [(at - (at > left_out), cells) for at, cells in clamps]
        without = TEXT[:left_out] + TEXT[left_out + 1 :]
        changes.append(bits(lm, without, position - 1, precision, moved) - whole)
    return changes


@both
@pytest.mark.parametrize(("position", "window"), [(30, 20), (20, 64), (1, 64), (0, 64), (30, 1)])
def test_occlusion_equals_reading_each_text_from_the_beginning(lm, precision: Precision, position: int, window: int):
    for model in (lm, Blend(lm, tiny_model(seed=1), 0.3)):
        found = occlusion(model, TEXT, position, window, precision=precision)
        assert found.changes.tolist() == plainly(model, position, window, precision)
        assert found.bits == bits(model, TEXT, position, precision)
        assert (found.position, found.start) == (position, max(0, position - window))


@both
def test_occlusion_leaves_clamps_where_they_were_in_the_text(lm, precision: Precision):
    trace = TextTrace(lm, precision=precision)
    trace.set_text(TEXT, HELD)
    # A change of clamps at the missing character itself applies from the next one on, which no plain text can say.
    bounds = [at - 5 for at, _ in HELD if at >= 5]
    kept = np.delete(result_of(occlusion_in_slices(trace, 30, 25)).changes, bounds)
    assert kept.tolist() == np.delete(plainly(lm, 30, 25, precision, HELD), bounds).tolist()


def test_a_character_that_is_not_read_changes_nothing_and_where_nothing_was_read_there_is_no_number(lm):
    text = TEXT[:20] + "漢" + TEXT[20:40]
    found = occlusion(lm, text, 40, 30)
    assert found.changes[20 - 10] == 0
    assert np.delete(found.changes, 10).tolist() == occlusion(lm, TEXT, 39, 29).changes.tolist()
    unread = occlusion(lm, text, 20, 10)
    assert np.isnan([unread.bits, *unread.changes]).all()
    trace = TextTrace(lm, skip_start=True)
    trace.set_text("To be")
    first, second, third = (result_of(occlusion_in_slices(trace, at)) for at in range(3))
    assert (np.isnan(first.bits), len(first.changes)) == (True, 0)
    assert np.isnan(second.changes).all()
    assert np.isfinite(third.changes).all()


@pytest.mark.parametrize("wrong", [(-1, 64), (5, 64), (2, 0)])
def test_a_wrong_position_or_window_of_an_occlusion_is_refused(lm, wrong):
    with pytest.raises((IndexError, ValueError), match=r"^(position|window) is "):
        occlusion(lm, "To be", *wrong)
