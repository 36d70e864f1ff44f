"""Named cells: which cells get a name, and in which text they are shown."""

import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from model import Cell, CharLSTM, CharTokenizer, LSTMConfig, LSTMNetwork, TextTrace
from tests.support.tiny_models import ALPHABET, tiny_model
from training.__main__ import main
from training.card.cell_names import FEATURES, SHORTEST, add_passages, name_cells

CELL = Cell(1, 3, "place in the line", "r", 0.93, 0.1, 0.4)
TWO_CELLS = [CELL, replace(CELL, layer=0, index=7, name="digit", kind="auc", score=0.02)]
HELD_OUT = "To be, or not to be: that is the Question.\nWhether tis nobler in the mind to suffer\n" * 60


def prose(length: int) -> str:
    """Returns lines of words of all lengths, with a few capitals and punctuation marks."""
    draw = random.Random(1)
    text = ""
    while len(text) < length:
        words = ["".join(draw.choices("abcdefgh", k=draw.randint(1, 9))) for _ in range(draw.randint(1, 12))]
        line = " ".join(words)
        text += (line.capitalize() if draw.random() < 0.5 else line) + draw.choice(["", ".", ",", "?", "\n"]) + "\n"
    return text[:length]


def counting_model(text: str) -> CharLSTM:
    """Returns a model with weights set by hand.

    Cell 0 counts the characters of a line, cell 1 is low at vowels, cell 2 is constant.
    """
    tokenizer = CharTokenizer.from_text(text)
    network = LSTMNetwork(LSTMConfig(len(tokenizer), 2, 3, 1)).eval().requires_grad_(False)
    for parameter in network.parameters():
        parameter.zero_()
    for index, char in enumerate(tokenizer.vocab):
        network.embedding.weight[index] = torch.tensor([float(char == "\n"), float(char in "aeiou")])
    weight_ih, _, bias_ih, _ = network.lstm.all_weights[0]
    i, f, g, o = (slice(3 * gate, 3 * gate + 3) for gate in range(4))
    bias_ih[i], bias_ih[o] = 10.0, 10.0
    # Cell 0 forgets at a line's end, and gains a little at every other character.
    bias_ih[f][0], weight_ih[f][0, 0], bias_ih[g][0] = 10.0, -20.0, 0.02
    # Cell 1 forgets at once, and is what the last character was.
    bias_ih[f][1:], weight_ih[g][1, 1] = -10.0, -2.0
    return CharLSTM(network, tokenizer)


def test_cells_are_named_after_the_features_that_they_follow():
    text = prose(90_000)
    model, held_out = counting_model(text), text[-9000:]
    found = name_cells(model, held_out)
    assert [(cell.index, cell.name, cell.kind, cell.remembers) for cell in found] == [
        (0, "place in the line", "r", True),
        (1, "vowel", "auc", False),
    ]
    assert found[0].score > 0.95
    assert abs(found[0].chance) < 0.2
    assert found[1].score < 0.05
    assert name_cells(model, held_out.replace(" ", " 🙂")) == found  # unknown characters are left out
    assert name_cells(model, text[: SHORTEST - 1]) == []
    assert not [cell for cell in name_cells(tiny_model("abcdefghABCDEFGH.,?\n "), text) if cell.remembers]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("place in the line", "ab\ncd", [1, 2, 0, 1, 2]),
        ("characters left in the line", "ab\ncd", [2, 1, 0, 1, 0]),
        ("in a speaker's name", "AB:\nc", [1, 1, 1, 1, 0]),
        ("inside quotes", 'a "b" c', [0, 0, 1, 1, 0, 0, 0]),
        ("inside quotes", '“a\n\nb"', [1, 1, 1, 0, 0, 1]),
        ("inside brackets", "a(b[c])d", [0, 1, 1, 1, 1, 1, 0, 0]),
        ("indentation", "  a\nb", [1, 2, 2, 2, 0]),
        ("after a colon in the line", "a: b\nc", [0, 1, 1, 1, 0, 0]),
        ("place in the word", "it's a", [1, 2, 3, 4, 0, 1]),
        ("in the first word of the line", "ab c\n\nd", [1, 1, 0, 0, 0, 1, 1]),
    ],
)
def test_features_have_the_values_that_their_names_promise(name, text, expected):
    (feature,) = [each for each in FEATURES if each.name == name]
    assert feature.of(text).tolist() == expected


@pytest.mark.slow
def test_the_passages_are_where_the_cell_is_highest_and_lowest():
    lm, text = tiny_model(), HELD_OUT[:1700]
    for cell in add_passages(lm, TWO_CELLS, "text", text):
        assert cell.sample
        assert (cell.sample.text, cell.sample.seed) == (text, None)
        trace = TextTrace(lm, precision="float32")
        trace.set_text(cell.sample.text)
        values = np.array([token.cells[cell.layer, cell.index] for token in trace.tokens()])
        for places, order in ((cell.high, -values), (cell.low, values)):
            assert len(places) == 10
            assert order[list(places)] == pytest.approx(sorted(order[list(places)]), abs=1e-4)
            assert order[places[0]] == pytest.approx(order[30:].min(), abs=1e-3)
            assert np.diff(sorted(places)).min() >= 43


@pytest.mark.parametrize(("quotes", "seeds"), [("text", [None]), ("model", [1]), ("nothing", [])])
def test_the_command_stores_only_text_that_may_be_quoted(tmp_path, monkeypatch, quotes, seeds):
    monkeypatch.chdir(tmp_path)
    replace(tiny_model(), training={"quotes": quotes}).save_pretrained("model")
    (tmp_path / "text.txt").write_text(HELD_OUT * 12)
    monkeypatch.setattr("training.cli.main.name_cells", lambda *_: [CELL])
    assert main(["cells", "model", "text.txt"]) == 0
    (cell,) = CharLSTM.from_pretrained("model").cells
    assert [each.seed for each in (cell.sample,) if each] == seeds


@pytest.mark.parametrize("found", ["Write to ada.lovelace@gmail.com, Ada.", "\x1b"])
def test_a_text_with_private_data_or_control_characters_is_not_stored(monkeypatch, found):
    reader, text = tiny_model(ALPHABET + "@\x1b"), HELD_OUT + found
    (cell,) = add_passages(reader, [CELL], "text", text)
    assert cell.sample is None or cell.sample.seed is not None
    monkeypatch.setattr("training.card.cell_names.generate", lambda *_, **__: text)
    (cell,) = add_passages(reader, [CELL], "model")
    assert (cell.sample, cell.high, cell.low) == (None, (), ())
