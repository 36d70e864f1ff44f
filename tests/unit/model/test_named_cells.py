"""cells.json with passages may come from anyone: its size is limited, and controls in its text are removed."""

from __future__ import annotations

from dataclasses import astuple

import pytest

from model import LSTMConfig
from model.named_cells import Cell, Passage, Sample, cells_from_json
from tests.support.cells_files import INVALID, VALID

CONFIG = LSTMConfig(50, 5, 100, 2)


def test_valid_passages_are_read_without_the_controls_of_their_sample():
    cells = [cells_from_json(each, CONFIG)[0] for each in VALID]
    assert all(len(cell.high) == len(cell.passages(cell.high)) for cell in cells)
    assert cells[3].sample == Sample("a\ufffdb\ufffd[31m\ufffd\ufffd", 1)


@pytest.mark.parametrize("at", range(len(INVALID)))
def test_invalid_passages_are_refused(at):
    with pytest.raises(ValueError, match=r"^[^\n]{10,300}$"):
        cells_from_json(INVALID[at], CONFIG)


def test_a_passage_has_what_is_around_its_character():
    cell = Cell(1, 3, "vowel", "auc", 0.9, 0.5, 0.6, high=(40, 0), low=(59,), sample=Sample("ab" * 30))
    assert [astuple(each) for each in cell.passages((40, 0))] == [("ab" * 15, "a", "ba" * 6), ("", "a", "ba" * 6)]
    assert cell.passages(cell.low) == [Passage("ba" * 14 + "ba", "b", "")]
    assert Cell(1, 3, "vowel", "auc", 0.9, 0.5, 0.6).passages((1,)) == []
