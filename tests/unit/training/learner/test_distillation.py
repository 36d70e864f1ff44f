"""Soft targets: how teachers compute them, how they are stored, and how they are learned."""

from pathlib import Path

import numpy as np
import pytest
import torch

from model import CharLSTM, CharTokenizer
from tests.support.tiny_models import tiny_network
from training.learner import distillation as teachers


def model(vocab: str, seed: int = 0) -> CharLSTM:
    torch.manual_seed(seed)
    return CharLSTM(tiny_network(vocab_size=len(vocab), hidden=16), CharTokenizer(list(vocab)))


def text(count: int) -> np.ndarray:
    return np.random.default_rng(1).integers(4, size=count).astype(np.uint8)


def predictions_of(lm: CharLSTM, ids: np.ndarray) -> np.ndarray:
    """In one pass, one row."""
    with torch.inference_mode():
        logits, _ = lm.network(torch.from_numpy(ids.astype(np.int64))[None])
    return logits[0].softmax(-1).numpy()


@pytest.mark.parametrize("count", [7, 5000])
def test_soft_targets_are_the_mean_prediction_of_teachers_with_any_vocabulary(tmp_path: Path, count: int) -> None:
    ids, one, other = text(count), model("abcd", 1), model("dxbac", 2)
    found = teachers.write_soft_targets([one, other], one.tokenizer, ids, tmp_path / "expected")
    order = [other.tokenizer.vocab.index(char) for char in "abcd"]
    theirs = predictions_of(other, np.array(order, np.uint8)[ids])[:, order]
    theirs /= theirs.sum(1, keepdims=True)  # x is not in the text, so its probability is left out
    assert np.abs(found - (predictions_of(one, ids) + theirs) / 2).max() < 2e-3
    assert [path.name for path in tmp_path.iterdir()] == ["expected"]


def test_half_of_the_target_is_the_text_and_half_the_teachers() -> None:
    targets = np.full((2, 3, 4), 0.25, np.float16)
    wanted = teachers.mix_targets(targets, torch.tensor([[0, 1, 2], [3, 3, 0]]))
    assert torch.allclose(wanted.sum(-1), torch.ones(2, 3))
    assert torch.equal(wanted[0, 1], torch.tensor([0.125, 0.625, 0.125, 0.125]))
