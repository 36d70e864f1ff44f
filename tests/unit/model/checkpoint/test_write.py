"""Writing a checkpoint: its format, and that it is read back."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from model import CharTokenizer, CheckpointError
from model.checkpoint.format import FORMAT_VERSION
from model.checkpoint.names import CONFIG, MANIFEST, MODEL_FILES, WEIGHTS
from model.checkpoint.read import read_checkpoint
from model.checkpoint.write import write_checkpoint
from tests.support.checkpoint_files import split
from tests.support.tiny_models import tiny_model


def test_the_files_have_the_published_format(tmp_path):
    """Other programs read these names and this layout: they may change only together with format_version."""
    tiny_model("ba\n", hidden=3, layers=2).save_pretrained(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(MODEL_FILES)
    config = json.loads((tmp_path / CONFIG).read_text(encoding="utf-8"))
    assert config == {
        "format_version": 1,
        "model_type": "char-lstm",
        "embedding_size": 5,
        "hidden_size": 3,
        "num_layers": 2,
        "vocab": ["\n", "a", "b"],
        "training": {"corpus": "none", "step": 0},
    }
    assert FORMAT_VERSION == 1
    header, _ = split((tmp_path / WEIGHTS).read_bytes())
    assert header.pop("__metadata__") == {"format": "pt"}
    weights = {
        "embedding.weight": [3, 5],
        "output.weight": [3, 3],
        "output.bias": [3],
        "lstm.weight_ih_l0": [12, 5],
        "lstm.weight_ih_l1": [12, 3],
        **{f"lstm.{name}_l{layer}": [12] for name in ("bias_ih", "bias_hh") for layer in (0, 1)},
        **{f"lstm.weight_hh_l{layer}": [12, 3] for layer in (0, 1)},
    }
    assert {name: (entry["dtype"], entry["shape"]) for name, entry in header.items()} == {
        name: ("F32", shape) for name, shape in weights.items()
    }
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    assert sorted(manifest["sha256"]) == [CONFIG, WEIGHTS]


def test_any_vocabulary_is_read_back_and_other_files_in_the_folder_are_kept_and_ignored(tmp_path):
    alphabet = '\n\t\x00"\\é\u2028\u202e😀<b>\u0301'
    (tmp_path / "README.md").write_text("mine")
    tiny_model(alphabet).save_pretrained(tmp_path)
    assert (tmp_path / "README.md").read_text() == "mine"
    assert read_checkpoint(tmp_path).tokenizer.vocab == CharTokenizer.from_text(alphabet).vocab


@pytest.mark.parametrize(
    ("name", "tensor", "dtype", "words"),
    [
        ("output.bias", torch.full((3,), torch.nan), "float32", "output.bias holds NaN or infinity"),
        ("output.bias", torch.full((3,), 1e5), "float16", "output.bias holds NaN or infinity"),
        ("output.bias", torch.zeros(4), "float32", "output.bias has shape"),
        ("x", torch.zeros(1), "float32", "has an unknown tensor 'x'"),
    ],
)
def test_weights_that_no_reader_would_accept_are_not_written(tmp_path, name, tensor, dtype, words):
    written = tiny_model("ab\n", hidden=3, layers=1).checkpoint()
    with pytest.raises(CheckpointError, match=words):
        write_checkpoint(tmp_path / "bad", replace(written, weights={**written.weights, name: tensor}), dtype=dtype)
    assert not (tmp_path / "bad").exists()
