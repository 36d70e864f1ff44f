"""cells.json with passages may come from anyone: its size is limited, and controls in its text are removed."""

from __future__ import annotations

import pytest

from model import LSTMConfig
from model.named_cells import Sample, cells_from_json
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
