"""The parts of a training step. The losses of steps are compared in tests/integration/training/run/test_resume.py."""

import copy
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from model import LSTMConfig, LSTMNetwork, LSTMState
from tests.support.tiny_models import tiny_network
from training.learner.optimizers import GatewiseMuon, orthogonalize
from training.learner.recipe import Recipe
from training.learner.trainer import Trainer, forward_with_dropout

RECIPE = Recipe(
    embedding_size=4,
    hidden_size=8,
    num_layers=2,
    batch=3,
    window=10,
    steps=40,
    dropout_in=0.0,
    dropout_between=0.0,
    dropout_out=0.0,
    reset=0.0,
)
ALL_ROWS = slice(None)


def text(count: int = 400, vocabulary: int = 6) -> np.ndarray:
    return np.random.default_rng(1).integers(vocabulary, size=count).astype(np.int32)


def test_a_new_network_predicts_the_frequencies_of_the_text() -> None:
    ids = np.array([0, 0, 0, 0, 0, 1, 1, 1, 2] * 20, np.int32)
    network = Trainer(RECIPE, 4, ids).average
    with torch.inference_mode():
        logits, _ = network(torch.tensor([[0, 1, 2], [3, 3, 0]]))
    expected = torch.tensor([101, 61, 21, 1]) / 184  # a character that never occurs is counted once
    assert torch.allclose(logits.softmax(-1), expected.expand(2, 3, 4), atol=1e-6)


def test_gradients_are_clipped_to_the_maximum_norm() -> None:
    """After one step AdamW's first moment is a share of the gradient."""
    one = Trainer(replace(RECIPE, clip=1e-6), 6, text())
    one.step()
    moments = [tensor for name, tensor in one.state_tensors().items() if name.endswith("exp_avg")]
    assert moments
    assert math.sqrt(sum(float(moment.square().sum()) for moment in moments)) <= 1e-6


@pytest.mark.parametrize("place", ["dropout_in", "dropout_between", "dropout_out"])
def test_a_locked_mask_holds_for_the_whole_window_and_differs_between_rows(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    masks = []
    plain: Any = torch.Tensor.bernoulli_

    def drawn(mask: Tensor, *arguments: Any, **options: Any) -> Tensor:
        masks.append(plain(mask, *arguments, **options))
        return masks[-1]

    monkeypatch.setattr(torch.Tensor, "bernoulli_", drawn)
    network = tiny_network(6, hidden=64, embedding=64)
    ids = torch.from_numpy(text(90).astype(np.int64)).view(3, 30)
    rate: dict[str, Any] = {place: 0.5}
    zeros = LSTMState.zeros(network.config, 3)
    forward_with_dropout(network, replace(RECIPE, **rate), ALL_ROWS, ids, zeros, torch.Generator())
    assert [mask.shape for mask in masks] == [(3, 1, 64)]  # one a row; broadcast over time
    assert set(masks[0].unique().tolist()) == {0.0, 1.0}
    assert not torch.equal(masks[0][0], masks[0][1])


def test_weight_dropout_sets_single_recurrent_weights_to_zero() -> None:
    """The gradient reaches only the other weights, which are scaled up."""
    network = LSTMNetwork(LSTMConfig(6, 16, 64, 1))
    recipe = replace(RECIPE, dropout_weights=0.25)
    ids = torch.from_numpy(text(90).astype(np.int64)).view(3, 30)
    state = LSTMState(torch.randn(1, 3, 64), torch.randn(1, 3, 64))
    random = torch.Generator().manual_seed(7)
    logits, _ = forward_with_dropout(network, recipe, ALL_ROWS, ids, state, random)
    logits.square().sum().backward()
    gradient = network.lstm.get_parameter("weight_hh_l0").grad
    assert gradient is not None
    left = gradient.ne(0)
    assert float(left.float().mean()) == pytest.approx(0.75, abs=0.02)
    thinned = copy.deepcopy(network)
    with torch.no_grad():
        thinned.lstm.get_parameter("weight_hh_l0").mul_(left / 0.75)
    assert torch.allclose(thinned(ids, state)[0], logits, atol=1e-5)
    other, _ = forward_with_dropout(network, recipe, ALL_ROWS, ids, state, random)  # has another mask
    assert not torch.allclose(other, logits, atol=1e-3)


@pytest.mark.parametrize("shape", [(3, 16, 64), (3, 64, 16)])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_orthogonalize_moves_singular_values_near_one(shape: tuple[int, int, int], dtype: torch.dtype) -> None:
    """Singular values from 0.004 of the norm on."""
    torch.manual_seed(1)
    u, _, v = torch.linalg.svd(torch.randn(*shape), full_matrices=False)
    spread = torch.logspace(-2, 0, u.shape[2]).expand(shape[0], -1)
    made = orthogonalize(u * spread[:, None] @ v, dtype)
    values = torch.linalg.svdvals(made)
    assert values.min() > 0.13
    assert values.max() < 1.9
    assert made.dtype == torch.float32


@pytest.mark.parametrize(("cells", "parts"), [(256, 1), (257, 1), (300, 2), (1024, 4)])
def test_a_large_gate_is_orthogonalized_in_blocks(cells: int, parts: int) -> None:
    """Of at most 256 cells, every second one in each step; as a whole where the cells do not divide evenly."""
    torch.manual_seed(1)
    matrix = nn.Parameter(torch.zeros(4 * cells, 5))
    matrix.grad = torch.randn(4 * cells, 5)
    matrix.grad[: cells // parts] *= 1000
    optimizer = GatewiseMuon({"m": matrix}, 1.0, dtype=torch.float32)
    for number in (1, 2):
        optimizer.step(1.0, number)
    size = cells // parts
    for part in range(4 * parts):
        rows = slice(size * part, size * part + size)
        alone = orthogonalize(matrix.grad[rows][None], torch.float32)[0]
        assert torch.allclose(-matrix[rows] / 2, (size / 5) ** 0.5 * alone, atol=1e-5)
