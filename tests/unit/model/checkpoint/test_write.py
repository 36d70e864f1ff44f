"""Writing a checkpoint: its format, and that it is read back."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load

from model import CharLSTM, CharTokenizer, ChatFormat, CheckpointError, LSTMConfig, generate, named_cells
from model.checkpoint.names import CONFIG, LISTED_FILES, MANIFEST, MODEL_FILES, SAMPLES, WEIGHTS
from model.checkpoint.read import read_checkpoint
from model.checkpoint.record import MAX_SAMPLES, MAX_TEXT, Sample, samples_from_json, thinned
from model.checkpoint.write import write_checkpoint
from model.files import atomic_path, atomic_write
from model.int8.weights import Int8Weights, matrices
from tests.support.cells_files import VALID
from tests.support.checkpoint_files import changed_config
from tests.support.tiny_models import tiny_model


def test_the_checkpoint_of_a_release_is_written_as_it_was(tmp_path):
    """Other programs read these names and this layout: they may change only together with format_version."""
    release = Path(__file__).parents[3] / "releases" / "0.2.0"
    CharLSTM.from_pretrained(release).save_pretrained(tmp_path, dtype="bfloat16")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*MODEL_FILES, *LISTED_FILES])
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (release / path.name).read_bytes()


def test_any_vocabulary_is_read_back_and_other_files_in_the_folder_are_kept_and_ignored(tmp_path):
    alphabet = '\n\t\x00"\\é\u2028\u202e😀<b>\u0301'
    (tmp_path / "README.md").write_text("mine")
    tiny_model(alphabet).save_pretrained(tmp_path)
    assert (tmp_path / "README.md").read_text() == "mine"
    assert read_checkpoint(tmp_path).tokenizer.vocab == CharTokenizer.from_text(alphabet).vocab


def test_what_the_config_may_hold_is_read_and_written(tmp_path):
    """A field of the record with another type counts as missing, and an unknown one is kept."""
    lm = tiny_model("ab\n")
    lm.save_pretrained(tmp_path)
    good = {"corpus": "a", "val_loss": 1, "examples": ["a"], "welcome": {"text": "a", "seed": 1}, "mine": [None]}
    wrong = {"step": True, "seconds": "1", "repo": None, "recipe": [], "quote_chat": 1, "val_loss_95": [1, "2"]}
    record = {**wrong, "taught_by": {"models": [], "sha256": 1}, **good}
    changed_config(tmp_path, chat={"prefix": "a", "suffix": "\nb", "stop": "\n"}, rare="a", training=record)
    for _ in range(2):
        lm = CharLSTM.from_pretrained(tmp_path)
        assert (lm.chat, lm.tokenizer.rare, lm.tokenizer.rare_id) == (ChatFormat("a", "\nb", "\n"), "a", 1)
        assert lm.training == good
        lm.save_pretrained(tmp_path)
    lm.chat = None
    lm.save_pretrained(tmp_path)
    assert "chat" not in json.loads((tmp_path / CONFIG).read_bytes())


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


def test_a_model_with_the_largest_allowed_weights_generates(tmp_path):
    lm = tiny_model()
    for i, weight in enumerate(lm.network.parameters()):
        weight.fill_(1e6 if i % 2 else -1e6)
    lm.save_pretrained(tmp_path)
    loaded = CharLSTM.from_pretrained(tmp_path)
    for precision in ("int8", "float32"):
        for temperature in (0, 1e-300, 5):
            assert len(generate(loaded, "abc", 20, seed=1, temperature=temperature, precision=precision)) == 20


def numbers(weights: Int8Weights) -> list[torch.Tensor]:
    quantized = [*weights.layers, weights.output]
    parts = [part for matrix in quantized for part in (matrix.q, matrix.scale)]
    return [weights.table, *parts, *weights.biases, weights.output_bias]


@pytest.mark.parametrize(("layers", "dtype"), [(1, "float32"), (2, "bfloat16"), (3, "float16")])
def test_the_numbers_of_int8_inference_are_those_of_an_int8_file(tmp_path: Path, layers: int, dtype: str):
    lm = tiny_model(hidden=200, layers=layers)  # so many rows that 127 steps are not the largest weight in all of them
    with torch.no_grad():
        lm.network.output.weight[3] = 0
    lm.save_pretrained(tmp_path / "floats", dtype=dtype)
    floats = CharLSTM.from_pretrained(tmp_path / "floats")
    floats.save_pretrained(tmp_path / "int8", dtype="int8")
    expected = floats.int8_weights()
    tensors = load((tmp_path / "int8" / WEIGHTS).read_bytes())
    for names, matrix in zip(matrices(layers), [*expected.layers, expected.output], strict=True):
        assert torch.equal(torch.cat([tensors[name] for name in names], dim=1), matrix.q)
    assert tensors["embedding.weight"].dtype == getattr(torch, dtype)
    again = CharLSTM.from_pretrained(tmp_path / "int8")
    for one, other in zip(numbers(again.int8_weights()), numbers(expected), strict=True):
        assert torch.equal(one, other)
    again.save_pretrained(tmp_path / "again", dtype="int8")
    assert (tmp_path / "again" / WEIGHTS).read_bytes() == (tmp_path / "int8" / WEIGHTS).read_bytes()


def sample(step: int, text: str = "né\n") -> Sample:
    return {"step": step, "prompt": "", "temperature": 0.7, "seed": 1, "text": text}


@pytest.mark.parametrize(("text", "steps"), [("né\n", 2), ("x" * 240, 2_500), ("诗" * 240, 900)])
def test_the_samples_of_a_run_are_thinned_saved_and_read_again(tmp_path: Path, text: str, steps: int):
    """A run may evaluate 10,000 times, and characters outside ASCII take six bytes each."""
    samples = thinned([sample(step, text) for step in range(steps)])
    replace(tiny_model(), samples=tuple(samples)).save_pretrained(tmp_path)
    read = CharLSTM.from_pretrained(tmp_path).samples
    assert (*read,) == (*samples,)
    assert (read[0]["step"], read[-1]["step"]) == (0, steps - 1)
    assert len(read) > min(300, steps - 1)
    (tmp_path / SAMPLES).write_text("")
    with pytest.raises(CheckpointError, match=f"{SAMPLES} is not the file that {MANIFEST} describes"):
        CharLSTM.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ([sample(1), sample(0)], "not in the order"),
        ([sample(0)] * (MAX_SAMPLES + 1), "1,001 samples"),
        ([sample(0, "x" * (MAX_TEXT + 1))], "at most 1,000 characters"),
        ([{**sample(0), "step": -1}], "at least 0"),
        ([{**sample(0), "text": None}], "must be texts"),
    ],
)
def test_what_are_no_samples_is_refused(lines: list[Any], problem: str):
    with pytest.raises(ValueError, match=problem):
        samples_from_json(json.loads(json.dumps(lines)))


def test_passages_of_cells_are_read_without_the_controls_of_their_sample():
    cells = [named_cells.cells_from_json(each, LSTMConfig(50, 5, 100, 2))[0] for each in VALID]
    assert all(len(cell.high) == len(cell.passages(cell.high)) for cell in cells)
    assert cells[3].sample == named_cells.Sample("a\ufffdb\ufffd[31m\ufffd\ufffd", 1)


def test_an_atomic_write_replaces_the_file_or_leaves_the_old_one_and_no_temporary_file(tmp_path):
    def fail_halfway():
        with atomic_path(tmp_path / "a") as temporary:
            temporary.write_bytes(b"ne")
            raise RuntimeError("halfway")

    for data in (b"one", b"two"):
        atomic_write(tmp_path / "a", data)
    with pytest.raises(RuntimeError, match="halfway"):
        fail_halfway()
    assert (tmp_path / "a").read_bytes() == b"two"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
