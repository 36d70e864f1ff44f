"""Muon, gate by gate."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor

from training.optimizer import GatewiseMuon, orthogonalize


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def one_step(gradient: Tensor, **options: float) -> Tensor:
    """What the first step adds to a matrix of zeros, at rate 1."""
    parameter = torch.zeros_like(gradient, requires_grad=True)
    parameter.grad = gradient.clone()
    GatewiseMuon([parameter], 1.0, dtype=torch.float32, **options).step()  # type: ignore[arg-type]
    return parameter.detach()


@pytest.mark.parametrize("shape", [(3, 16, 64), (3, 64, 16), (2, 24, 24)])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_singular_values_come_near_one(shape: tuple[int, int, int], dtype: torch.dtype) -> None:
    u, _, v = torch.linalg.svd(random(*shape), full_matrices=False)
    spread = torch.logspace(-1, 0, u.shape[2]).expand(shape[0], -1)
    made = orthogonalize(u * spread[:, None] @ v, 4, dtype)
    values = torch.linalg.svdvals(made)
    assert values.min() > 0.4
    assert values.max() < 1.35
    assert made.dtype == torch.float32


def test_directions_stay() -> None:
    u, _, v = torch.linalg.svd(random(2, 8, 20), full_matrices=False)
    made = orthogonalize(u * torch.linspace(0.3, 1, 8) @ v, 4, torch.float32)
    inside = u.mT @ made @ v.mT
    assert torch.allclose(inside, torch.diag_embed(torch.diagonal(inside, dim1=1, dim2=2)), atol=1e-4)
    assert torch.diagonal(inside, dim1=1, dim2=2).min() > 0.5


def test_tall_is_wide_turned_round() -> None:
    x = random(2, 6, 15)
    assert torch.equal(orthogonalize(x.mT, 4), orthogonalize(x, 4).mT)


def test_zeros_stay_zeros() -> None:
    assert torch.equal(orthogonalize(torch.zeros(4, 5, 3), 4), torch.zeros(4, 5, 3))


def test_each_gate_is_made_orthogonal_by_itself() -> None:
    gradient = random(4 * 6, 10)
    gradient[:6] *= 1000  # one gate's gradient drowns the others in the whole matrix, and must not
    update = -one_step(gradient)
    for gate in range(4):
        part = slice(6 * gate, 6 * gate + 6)
        alone = orthogonalize(gradient[part][None], 4, torch.float32)[0]
        assert torch.allclose(update[part], alone, atol=1e-5)
    whole = orthogonalize(gradient[None], 4, torch.float32)[0]
    assert not torch.allclose(update, whole, atol=0.1)


def test_the_size_of_the_gradient_does_not_matter() -> None:
    gradient = random(4 * 6, 10)
    assert torch.allclose(one_step(gradient), one_step(1e4 * gradient), atol=1e-5)


def test_tall_gates_take_larger_steps() -> None:
    """So that the root mean square of an update depends on the width only."""
    square, tall = one_step(random(4 * 16, 16)), one_step(random(4 * 64, 16))
    ratio = tall.square().mean().sqrt() / square.square().mean().sqrt()
    assert 0.85 < ratio < 1.25


def test_weight_decay_is_decoupled() -> None:
    parameter = random(8, 3).requires_grad_()
    before = parameter.detach().clone()
    parameter.grad = torch.zeros_like(parameter)
    GatewiseMuon([parameter], 0.5, weight_decay=0.1).step()
    assert torch.allclose(parameter.detach(), before * (1 - 0.5 * 0.1))


def test_without_a_gradient_nothing_moves() -> None:
    parameter = random(8, 3).requires_grad_()
    before = parameter.detach().clone()
    optimizer = GatewiseMuon([parameter], 0.5, weight_decay=0.1)
    optimizer.step()
    assert torch.equal(parameter.detach(), before)
    assert not optimizer.state[parameter]


def test_momentum_is_nesterovs_and_is_saved() -> None:
    gradients = [random(8, 5, seed=seed) for seed in range(5)]
    parameter = random(8, 5, seed=9).requires_grad_()
    optimizer = GatewiseMuon([parameter], 0.02, momentum=0.9)
    buffer = torch.zeros(8, 5)
    for gradient in gradients[:3]:
        parameter.grad = gradient
        optimizer.step()
        buffer = 0.9 * buffer + 0.1 * gradient
    assert torch.allclose(optimizer.state[parameter]["momentum_buffer"], buffer, atol=1e-6)

    other = parameter.detach().clone().requires_grad_()
    again = GatewiseMuon([other], 0.02, momentum=0.9)
    again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for gradient in gradients[3:]:
        for each, its in ((parameter, optimizer), (other, again)):
            each.grad = gradient
            its.step()
    assert torch.equal(parameter, other)


def test_it_takes_no_closure() -> None:
    with pytest.raises(TypeError, match="no closure"):
        GatewiseMuon([torch.zeros(4, 1, requires_grad=True)], 1.0).step(lambda: None)
