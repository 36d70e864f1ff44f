"""Occlusion has the numbers of a plain re-evaluation: each text without its character, read from the beginning."""

from __future__ import annotations

import numpy as np
import pytest

from model import Blend, Clamp, occlusion
from model.attribution import Occlusion, occlusion_in_slices
from model.clamps import Stretches
from model.engine.language_model import LanguageModel
from model.scoring.surprisal import result_of
from model.settings import Precision
from model.trace import TextTrace
from tests.support.tiny_models import tiny_model

TEXT = "To be, or not to be: that is the question.\nWhether tis nobler in the mind to suffer\n"
HELD: Stretches = ((10, (Clamp(0, 1, 4.0),)), (30, ()), (40, (Clamp(1, 2, -4.0),)))


@pytest.fixture(scope="module")
def lm():
    return tiny_model()


def bits(lm: LanguageModel, text: str, position: int, precision: Precision, clamps: Stretches = ()) -> float:
    trace = TextTrace(lm, precision=precision)
    trace.set_text(text, clamps)
    return next(trace.tokens(position)).bits


def plainly(
    lm: LanguageModel, text: str, position: int, window: int, precision: Precision, clamps: Stretches = ()
) -> list[float]:
    whole = bits(lm, text, position, precision, clamps)
    changes = []
    for left_out in range(max(0, position - window), position):
        moved = [(at - (at > left_out), cells) for at, cells in clamps]
        without = text[:left_out] + text[left_out + 1 :]
        changes.append(bits(lm, without, position - 1, precision, moved) - whole)
    return changes


@pytest.mark.parametrize("precision", ["int8", "float32"])
@pytest.mark.parametrize(("position", "window"), [(80, 64), (40, 64), (1, 64), (0, 64), (60, 5), (60, 1)])
def test_equals_reading_each_text_from_the_beginning(lm, precision: Precision, position: int, window: int):
    found = occlusion(lm, TEXT, position, window, precision=precision)
    assert found.changes.tolist() == plainly(lm, TEXT, position, window, precision)
    assert found.bits == bits(lm, TEXT, position, precision)
    assert (found.position, found.start) == (position, max(0, position - window))


def test_a_blend_is_read_like_one_model():
    blend = Blend(tiny_model(), tiny_model(seed=1), 0.3)
    assert occlusion(blend, TEXT, 50, 20).changes.tolist() == plainly(blend, TEXT, 50, 20, "int8")


def drain(trace: TextTrace, position: int, window: int) -> Occlusion:
    return result_of(occlusion_in_slices(trace, position, window))


@pytest.mark.parametrize("precision", ["int8", "float32"])
def test_clamps_stay_where_they_were_in_the_text(lm, precision: Precision):
    trace = TextTrace(lm, precision=precision)
    trace.set_text(TEXT, HELD)
    # A change of clamps at the missing character itself applies from the next one on, which no plain text can say.
    bounds = [at - 20 for at, _ in HELD if at >= 20]
    kept = np.delete(drain(trace, 60, 40).changes, bounds)
    assert kept.tolist() == np.delete(plainly(lm, TEXT, 60, 40, precision, HELD), bounds).tolist()


def test_a_character_that_is_not_read_changes_nothing(lm):
    text = TEXT[:20] + "漢" + TEXT[20:40]
    found = occlusion(lm, text, 40, 30)
    assert found.changes[20 - 10] == 0
    assert np.delete(found.changes, 10).tolist() == occlusion(lm, TEXT, 39, 29).changes.tolist()
    assert np.isnan(occlusion(lm, text, 20, 10).changes).all()
    assert np.isnan(occlusion(lm, text, 20, 10).bits)
    assert occlusion(lm, "漢漢a", 2).changes.tolist() == [0, 0]


def test_where_nothing_would_have_been_read_there_is_no_number(lm):
    trace = TextTrace(lm, skip_start=True)
    trace.set_text("To be")
    assert np.isnan(drain(trace, 1, 64).changes).tolist() == [True]
    assert np.isfinite(drain(trace, 2, 64).changes).all()
    first = drain(trace, 0, 64)
    assert np.isnan(first.bits)
    assert first.changes.tolist() == []


def test_a_wrong_position_or_window_is_refused(lm):
    for position in (-1, 5):
        with pytest.raises(IndexError, match=f"position is {position}: the text has 5 characters"):
            occlusion(lm, "To be", position)
    with pytest.raises(ValueError, match="window is 0: it must be at least 1"):
        occlusion(lm, "To be", 2, 0)
