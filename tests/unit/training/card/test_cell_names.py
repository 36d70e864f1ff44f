"""Named cells: which cells get a name, what the features are, and how names are stored and checked."""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from model import PRETRAINED, Cell, CharLSTM, CharTokenizer, CheckpointError, LSTMConfig, LSTMNetwork
from model.checkpoint.names import CELLS, MANIFEST
from model.checkpoint.write import write_cells
from tests.support.tiny_models import tiny_model
from tests.support.tiny_runs import SIZES, write_text
from training.__main__ import main
from training.card.cell_features import FEATURES
from training.card.cell_names import SHORTEST, name_cells

CELL = Cell(1, 3, "place in the line", "r", 0.93, 0.1, 0.4)


def prose(length: int = 8000, seed: int = 1) -> str:
    """Returns lines of words of all lengths, with a few capitals and punctuation marks."""
    draw = random.Random(seed)
    text = ""
    while len(text) < length:
        words = ["".join(draw.choices("abcdefgh", k=draw.randint(1, 9))) for _ in range(draw.randint(1, 12))]
        line = " ".join(words)
        text += (line.capitalize() if draw.random() < 0.5 else line) + draw.choice(["", ".", ",", "?"]) + "\n"
        text += "\n" if draw.random() < 0.1 else ""
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
    bias_ih[f][0], weight_ih[f][0, 0] = 10.0, -20.0
    bias_ih[g][0] = 0.02
    # Cell 1 forgets at once, and is what the last character was.
    bias_ih[f][1], weight_ih[g][1, 1] = -10.0, -2.0
    bias_ih[f][2] = -10.0
    return CharLSTM(network, tokenizer)


def test_cells_are_named_after_the_features_that_they_follow():
    text = prose()
    found = {cell.index: cell for cell in name_cells(counting_model(text), text)}
    assert set(found) == {0, 1}
    assert (found[0].name, found[0].kind) == ("place in the line", "r")
    assert found[0].score > 0.95
    assert abs(found[0].chance) < 0.2
    assert found[0].remembers
    assert (found[1].name, found[1].kind) == ("vowel", "auc")
    assert found[1].score < 0.05
    assert not found[1].remembers


def test_no_cell_of_an_untrained_model_remembers():
    found = name_cells(tiny_model("abcdefghABCDEFGH.,?\n "), prose())
    assert not [cell for cell in found if cell.remembers]


def test_a_text_that_is_too_short_names_no_cell():
    text = prose(SHORTEST - 1)
    assert name_cells(counting_model(prose()), text) == []
    assert name_cells(counting_model(prose()), "") == []


def test_characters_outside_the_vocabulary_are_left_out():
    text = prose()
    assert name_cells(counting_model(text), text.replace(" ", " 🙂")) == name_cells(counting_model(text), text)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("place in the line", "ab\ncd", [1, 2, 0, 1, 2]),
        ("characters left in the line", "ab\ncd", [2, 1, 0, 1, 0]),
        ("in a speaker's name", "AB:\nc", [1, 1, 1, 1, 0]),
        ("inside quotes", 'a "b" c', [0, 0, 1, 1, 0, 0, 0]),
        ("inside brackets", "a(b[c])d", [0, 1, 1, 1, 1, 1, 0, 0]),
        ("brackets open", "a(b[c])d", [0, 1, 1, 2, 2, 1, 0, 0]),
        ("indentation", "  a\nb", [1, 2, 2, 2, 0]),
        ("after a colon in the line", "a: b\nc", [0, 1, 1, 1, 0, 0]),
        ("in a question", "a? b.", [1, 1, 0, 0, 0]),
        ("place in the word", "it's a", [1, 2, 3, 4, 0, 1]),
        ("in the first word of the line", "ab c\nd", [1, 1, 0, 0, 0, 1]),
        ("lines since a blank one", "a\nb\n\nc", [0, 1, 1, 2, 0, 0]),
        ("inside a word all in capitals", "AB Cd", [0, 1, 0, 0, 0]),
    ],
)
def test_features_have_the_values_that_their_names_promise(name, text, expected):
    (feature,) = [each for each in FEATURES if each.name == name]
    assert feature.of(text).tolist() == expected


@pytest.mark.parametrize("text", ["", "\n", "a", "\n\n\n", ")](", '"', "é\u2028b", prose(300)])
def test_every_feature_has_a_number_for_every_character(text):
    for feature in FEATURES:
        values = feature.of(text)
        assert len(values) == len(text)
        assert np.isfinite(values).all()
        assert not feature.binary or set(values.tolist()) <= {0.0, 1.0}


def test_names_are_saved_with_the_model_and_loaded(tmp_path):
    lm = tiny_model()
    lm.save_pretrained(tmp_path / "x")
    assert CharLSTM.from_pretrained(tmp_path / "x").cells == ()
    write_cells(tmp_path / "x", [CELL, replace(CELL, index=4, kind="auc", score=0.02)])
    read = CharLSTM.from_pretrained(tmp_path / "x")
    assert read.cells == (CELL, replace(CELL, index=4, kind="auc", score=0.02))
    assert str(read.cells[0]) == "cell 3 of layer 1: place in the line, r 0.93"
    assert str(read.cells[1]) == "cell 4 of layer 1: place in the line, AUC 0.02 (inverted)"
    read.save_pretrained(tmp_path / "y")
    assert CharLSTM.from_pretrained(tmp_path / "y").cells == read.cells
    write_cells(tmp_path / "x", [])
    assert CharLSTM.from_pretrained(tmp_path / "x").cells == ()
    assert not (tmp_path / "x" / CELLS).exists()


def test_damaged_weights_are_refused_in_spite_of_names(tmp_path):
    tiny_model().save_pretrained(tmp_path)
    weights = bytearray((tmp_path / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (tmp_path / "model.safetensors").write_bytes(weights)
    write_cells(tmp_path, [CELL])
    with pytest.raises(CheckpointError, match="damaged or changed"):
        CharLSTM.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layer": 2}, "layer is 2: it must be a whole number from 0 to 1"),
        ({"layer": True}, "layer is True"),
        ({"index": -1}, "index is -1: it must be a whole number from 0 to 11"),
        ({"index": 10**18}, "index is"),
        ({"index": 10**400}, "is too large"),
        ({"name": ""}, "name is ''"),
        ({"name": "a\nb"}, "name is"),
        ({"name": "x" * 61}, "name is"),
        ({"name": 5}, "name is 5"),
        ({"kind": "R"}, "kind is 'R': it must be auc or r"),
        ({"score": 1.5}, "score is 1.5: it must be a number from -1 to 1"),
        ({"score": "1"}, "score is '1'"),
        ({"kind": "auc", "score": -0.5}, "score is -0.5: it must be a number from 0 to 1"),
        ({"chance": True}, "chance is True"),
        ({"more": 1}, "a cell must have the fields layer, index"),
    ],
)
def test_an_invalid_cell_is_refused(tmp_path, change, message):
    cell = {**CELL.facts(), **change}
    check_refused(tmp_path, {"format_version": 1, "cells": [cell]}, message)


@pytest.mark.parametrize(
    ("held", "message"),
    [
        ({"format_version": 3, "cells": []}, "format_version is 3: it must be"),
        ({"format_version": True, "cells": []}, "format_version is True"),
        ({"cells": []}, "format_version is None"),
        ({"format_version": 1, "cells": {}}, "and nothing else"),
        ({"format_version": 1, "cells": [], "x": 1}, "and nothing else"),
        ({"format_version": 1, "cells": [1]}, "a cell must have the fields"),
        ({"format_version": 1, "cells": [CELL.facts()] * 2}, "a cell occurs twice"),
        ({"format_version": 1, "cells": [CELL.facts()] * 201}, "from 0 to 200"),
        ([], "must be a JSON object"),
    ],
)
def test_an_invalid_cells_file_is_refused(tmp_path, held, message):
    check_refused(tmp_path, held, message)


def check_refused(folder, held, message):
    tiny_model().save_pretrained(folder)
    data = json.dumps(held).encode()
    (folder / CELLS).write_bytes(data)
    manifest = json.loads((folder / MANIFEST).read_bytes())
    manifest["sha256"][CELLS] = hashlib.sha256(data).hexdigest()
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError) as caught:
        CharLSTM.from_pretrained(folder)
    assert str(caught.value).startswith(CELLS)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_only_a_cells_file_in_the_manifest_is_read(tmp_path):
    tiny_model().save_pretrained(tmp_path)
    (tmp_path / CELLS).write_text("not JSON")
    assert CharLSTM.from_pretrained(tmp_path).cells == ()
    write_cells(tmp_path, [CELL])
    (tmp_path / CELLS).write_text("{}")
    with pytest.raises(CheckpointError, match=f"{CELLS} is not the file"):
        CharLSTM.from_pretrained(tmp_path)
    (tmp_path / CELLS).unlink()
    with pytest.raises(CheckpointError, match=f"{CELLS} is missing"):
        CharLSTM.from_pretrained(tmp_path)


def test_a_run_names_the_cells_of_its_best_checkpoint(tmp_path, monkeypatch):
    read = []

    def name(_lm, text):
        read.append(text)
        return [CELL]

    monkeypatch.setattr("training.run.checkpoint_manager.name_cells", name)
    text = write_text(tmp_path, 2000)
    assert main([str(text), "--steps=2", "--out", str(tmp_path / "run"), *SIZES]) == 0
    (cell,) = CharLSTM.from_pretrained(tmp_path / "run").cells
    assert replace(cell, high=(), low=(), sample=None) == CELL
    assert cell.sample
    assert cell.sample.seed is not None  # the run is not public
    assert [text.read_text().endswith(each) for each in read] == [True]


def test_an_error_while_naming_loses_only_the_names(tmp_path, monkeypatch, capsys):
    def fail(*_):
        raise ArithmeticError("no such thing")

    monkeypatch.setattr("training.run.checkpoint_manager.name_cells", fail)
    assert main([str(write_text(tmp_path)), "--steps=2", "--out", str(tmp_path / "run"), *SIZES]) == 0
    assert CharLSTM.from_pretrained(tmp_path / "run").cells == ()
    warning = capsys.readouterr().err
    assert "step-00000002" in warning
    assert "ArithmeticError: no such thing" in warning


def test_the_command_names_the_cells_of_an_existing_model(tmp_path, capsys):
    text = prose(90_000)
    (tmp_path / "text.txt").write_text(text)
    counting_model(text).save_pretrained(tmp_path / "model")
    assert main(["cells", str(tmp_path / "model"), str(tmp_path / "text.txt")]) == 0
    lm = CharLSTM.from_pretrained(tmp_path / "model")
    assert [cell.name for cell in lm.cells] == ["place in the line", "vowel"]
    output = capsys.readouterr().err
    assert all(str(cell) in output for cell in lm.cells)
    assert main(["cells", str(tmp_path / "nowhere"), str(tmp_path / "text.txt")]) == 2
    assert "there is no folder" in capsys.readouterr().err


def test_the_bundled_model_has_cells_that_remember():
    cells = CharLSTM.from_pretrained(PRETRAINED).cells
    assert len(cells) >= 5
    assert sum(cell.remembers for cell in cells) >= 3
