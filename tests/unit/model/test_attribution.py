"""Occlusion has the numbers of a plain re-evaluation: each text without its character, read from the beginning."""

from __future__ import annotations

import numpy as np
import pytest

from model import Blend, Clamp, occlusion
from model.attribution import occlusion_in_slices
from model.clamps import Stretches
from model.engine.blend import LanguageModel
from model.scoring.surprisal import result_of
from model.settings import Precision
from model.trace import TextTrace
from tests.support.tiny_models import tiny_model

TEXT = "To be, or not to be: that is the question.\nWhether tis nobler in the mind to suffer\n"
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


@pytest.mark.parametrize("precision", ["int8", "float32"])
@pytest.mark.parametrize(("position", "window"), [(30, 20), (20, 64), (1, 64), (0, 64), (30, 1)])
def test_equals_reading_each_text_from_the_beginning(lm, precision: Precision, position: int, window: int):
    for model in (lm, Blend(lm, tiny_model(seed=1), 0.3)):
        found = occlusion(model, TEXT, position, window, precision=precision)
        assert found.changes.tolist() == plainly(model, position, window, precision)
        assert found.bits == bits(model, TEXT, position, precision)
        assert (found.position, found.start) == (position, max(0, position - window))


@pytest.mark.parametrize("precision", ["int8", "float32"])
def test_clamps_stay_where_they_were_in_the_text(lm, precision: Precision):
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
def test_a_wrong_position_or_window_is_refused(lm, wrong):
    with pytest.raises((IndexError, ValueError), match=r"^(position|window) is "):
        occlusion(lm, "To be", *wrong)
