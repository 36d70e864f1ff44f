"""Passages of named cells: where they are, and whose text they are."""

from __future__ import annotations

import numpy as np
import pytest

from model import PRETRAINED, Cell, CharLSTM, TextTrace, generate
from model.checkpoint.write import write_cells
from tests.support.tiny_models import ALPHABET, tiny_model
from training.__main__ import main
from training.card.cell_passages import add_passages

CELLS = [Cell(1, 3, "vowel", "auc", 0.95, 0.5, 0.6), Cell(0, 7, "digit", "auc", 0.95, 0.5, 0.6)]
HELD_OUT = "To be, or not to be: that is the Question.\nWhether tis nobler in the mind to suffer\n" * 60


@pytest.fixture(scope="module")
def lm() -> CharLSTM:
    return tiny_model()


def test_the_passages_are_where_the_cell_is_highest_and_lowest(lm):
    found = add_passages(lm, CELLS, "text", HELD_OUT)
    assert found[0].sample is found[1].sample
    for cell in found:
        assert cell.sample
        assert (cell.sample.text, cell.sample.seed) == (HELD_OUT, None)
        trace = TextTrace(lm, precision="float32")
        trace.set_text(cell.sample.text)
        values = np.array([token.cells[cell.layer, cell.index] for token in trace.tokens()])
        for places, order in ((cell.high, -values), (cell.low, values)):
            assert len(places) == 10
            assert order[list(places)] == pytest.approx(sorted(order[list(places)]), abs=1e-4)
            assert order[places[0]] == pytest.approx(order[30:].min(), abs=1e-3)
            assert np.diff(sorted(places)).min() >= 43


def test_a_model_writes_its_own_text(lm):
    (cell, _) = add_passages(lm, CELLS, "model", HELD_OUT)
    assert cell.sample
    assert cell.sample.seed == 1
    assert cell.sample.text == generate(lm, "", 6000, temperature=1.0, seed=1)


def test_a_text_in_which_something_looks_private_is_not_stored(lm, monkeypatch):
    text = HELD_OUT + "Write to ada.lovelace@gmail.com, Ada.\n"
    reader = tiny_model(ALPHABET + "@")
    (cell, _) = add_passages(reader, CELLS, "text", text)
    assert cell.sample
    assert cell.sample.seed is not None
    monkeypatch.setattr("training.card.cell_passages.generate", lambda *_, **__: text)
    (cell, _) = add_passages(reader, CELLS, "model")
    assert (cell.sample, cell.high, cell.low) == (None, (), ())


def test_a_text_with_control_characters_is_not_stored():
    reader = tiny_model("\x1b" + ALPHABET)
    (cell, _) = add_passages(reader, CELLS, "text", HELD_OUT + "\x1b")
    assert cell.sample is None or "\x1b" not in cell.sample.text


def test_held_out_text_of_a_private_model_is_never_stored(tmp_path, capsys):
    model = tiny_model()
    model.training = {"sharing": "private"}
    model.save_pretrained(tmp_path / "model")
    write_cells(tmp_path / "model", CELLS)
    (tmp_path / "text.txt").write_text(HELD_OUT)
    command = ["cells", str(tmp_path / "model"), "--passages=held-out"]
    assert main([*command, str(tmp_path / "text.txt")]) == 2
    assert "not everyone may read the training text" in capsys.readouterr().err
    assert main(["cells", str(PRETRAINED), "--passages=held-out"]) == 2
    assert "no TEXT was given" in capsys.readouterr().err
    assert CharLSTM.from_pretrained(tmp_path / "model").cells == tuple(CELLS)


@pytest.mark.parametrize(("quotes", "seeds"), [("text", (None, 1)), ("model", (1, 1)), ("nothing", ())])
def test_the_command_stores_only_text_that_may_be_quoted(tmp_path, lm, quotes, seeds):
    model = tiny_model()
    model.training = {"quotes": quotes}
    model.save_pretrained(tmp_path / "model")
    write_cells(tmp_path / "model", CELLS)
    (tmp_path / "text.txt").write_text(HELD_OUT * 12)
    assert main(["cells", str(tmp_path / "model")]) == 0
    (cell, _) = CharLSTM.from_pretrained(tmp_path / "model").cells
    assert [each.seed for each in (cell.sample,) if each] == [*seeds[1:]]  # without a text the model writes
    assert main(["cells", str(tmp_path / "model"), "--passages=none"]) == 0
    assert CharLSTM.from_pretrained(tmp_path / "model").cells == tuple(CELLS)
    assert main(["cells", str(tmp_path / "model"), str(tmp_path / "text.txt")]) == 0
    for cell in CharLSTM.from_pretrained(tmp_path / "model").cells:
        assert [each.seed for each in (cell.sample,) if each] == [*seeds[:1]]
