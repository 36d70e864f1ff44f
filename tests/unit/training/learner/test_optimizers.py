"""Muon on the gates of an LSTM, and AdamW."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from training.learner.optimizers import AdamW, GatewiseMuon, orthogonalize


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def parameter(*shape: int, seed: int = 9) -> nn.Parameter:
    return nn.Parameter(random(*shape, seed=seed))


def one_step(gradient: Tensor) -> Tensor:
    """Muon's update of a matrix of zeros at learning rate 1: the mean of two steps, in which all blocks are updated."""
    matrix = nn.Parameter(torch.zeros_like(gradient))
    matrix.grad = gradient.clone()
    optimizer = GatewiseMuon({"m": matrix}, 1.0, dtype=torch.float32)
    for number in (1, 2):
        optimizer.step(1.0, number)
    return matrix.detach() / 2


@pytest.mark.parametrize("shape", [(3, 16, 64), (3, 64, 16)])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_orthogonalize_moves_singular_values_near_one(shape: tuple[int, int, int], dtype: torch.dtype) -> None:
    """Singular values from 0.004 of the norm on."""
    u, _, v = torch.linalg.svd(random(*shape), full_matrices=False)
    spread = torch.logspace(-2, 0, u.shape[2]).expand(shape[0], -1)
    made = orthogonalize(u * spread[:, None] @ v, dtype)
    values = torch.linalg.svdvals(made)
    assert values.min() > 0.13
    assert values.max() < 1.9
    assert made.dtype == torch.float32


@pytest.mark.parametrize(("cells", "parts"), [(256, 1), (257, 1), (300, 2), (1024, 4)])
def test_a_large_gate_is_orthogonalized_in_blocks(cells: int, parts: int) -> None:
    """Of at most 256 cells; as a whole where the cells do not divide evenly."""
    gradient = random(4 * cells, 5)
    gradient[: cells // parts] *= 1000
    update = -one_step(gradient)
    size = cells // parts
    for part in range(4 * parts):
        rows = slice(size * part, size * part + size)
        alone = orthogonalize(gradient[rows][None], torch.float32)[0]
        assert torch.allclose(update[rows], (size / 5) ** 0.5 * alone, atol=1e-5)


def test_muon_has_nesterov_momentum_and_decoupled_decay() -> None:
    gradients = [random(8, 5, seed=seed) for seed in range(3)]
    matrix, expected, buffer = nn.Parameter(torch.ones(8, 5)), torch.ones(8, 5), torch.zeros(8, 5)
    optimizer = GatewiseMuon({"m": matrix}, 0.1, weight_decay=0.2, dtype=torch.float32)
    for number, gradient in enumerate(gradients, 1):
        matrix.grad = gradient
        optimizer.step(1.0, number)
        buffer = 0.95 * buffer + 0.05 * gradient
        looked_ahead = (0.05 * gradient + 0.95 * buffer).view(4, 2, 5)
        turn = torch.tensor([number % 2 == gate % 2 for gate in range(4)])[:, None, None]
        expected *= 1 - 0.1 * 0.2  # the decay is decoupled
        expected -= (0.2 * turn * orthogonalize(looked_ahead, torch.float32)).view(8, 5)
    assert torch.allclose(matrix.detach(), expected, atol=1e-5)


@pytest.mark.parametrize("shape", [(7, 5), (6,)])
def test_adamw_has_bias_correction_and_decoupled_decay_of_matrices(shape: tuple[int, ...]) -> None:
    """By the formulas: torch.optim would import torch's compiler, which takes a second."""
    found, m, v = parameter(*shape), torch.zeros(shape), torch.zeros(shape)
    expected = found.detach().clone()
    optimizer = AdamW({"p": found}, 0.03, weight_decay=0.2)
    for number in range(1, 20):
        gradient = random(*shape, seed=number)
        found.grad = gradient.clone()
        optimizer.step(1.0, number)
        m, v = 0.9 * m + 0.1 * gradient, 0.99 * v + 0.01 * gradient**2
        expected *= 1 - 0.03 * (0.2 if len(shape) > 1 else 0.0)
        expected -= 0.03 * (m / (1 - 0.9**number)) / ((v / (1 - 0.99**number)).sqrt() + 1e-8)
    assert torch.allclose(found, expected, atol=1e-6)
