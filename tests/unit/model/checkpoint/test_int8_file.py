"""A file whose matrices are in 8 bits: int8 inference computes with exactly its numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load

from model import CharLSTM
from model.checkpoint.names import WEIGHTS
from model.int8.weights import Int8Weights, matrices
from tests.support.checkpoint_files import DAMAGED_INT8, changed_tensors, check_refused, rewrite
from tests.support.tiny_models import tiny_model


def numbers(weights: Int8Weights) -> list[torch.Tensor]:
    quantized = [*weights.layers, weights.output]
    parts = [part for matrix in quantized for part in (matrix.q, matrix.scale)]
    return [weights.table, *parts, *weights.biases, weights.output_bias]


@pytest.mark.parametrize(("layers", "dtype"), [(1, "float32"), (2, "bfloat16"), (3, "float16")])
def test_the_numbers_of_int8_inference_are_those_of_the_file(tmp_path: Path, layers: int, dtype: str) -> None:
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


@pytest.mark.parametrize("case", DAMAGED_INT8)
def test_a_damaged_int8_file_is_refused(tmp_path: Path, case: str) -> None:
    tiny_model().save_pretrained(tmp_path / "model", dtype="int8")
    damage, words, _ = DAMAGED_INT8[case]
    rewrite(tmp_path / "model", WEIGHTS, damage((tmp_path / "model" / WEIGHTS).read_bytes()))
    check_refused(tmp_path / "model", WEIGHTS, words)


def test_an_unknown_int8_matrix_is_refused_by_its_name_and_not_multiplied(tmp_path: Path) -> None:
    tiny_model().save_pretrained(tmp_path / "model", dtype="int8")
    add = changed_tensors(lambda tensors: tensors.update({"a\nb": torch.zeros(2, 2, dtype=torch.int8)}))
    rewrite(tmp_path / "model", WEIGHTS, add((tmp_path / "model" / WEIGHTS).read_bytes()))
    check_refused(tmp_path / "model", WEIGHTS, "unknown tensor 'a\\nb'")
