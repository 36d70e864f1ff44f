"""The optimizers: Muon for the LSTM's input and recurrent matrices, AdamW for embedding, output and biases.

Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/) orthogonalizes the momentum of a matrix: it
moves its singular values towards one, so that no direction dominates the update. An LSTM stacks the matrices of its
four gates; each gate is orthogonalized alone, which lowers the loss by 0.018 nats compared with the whole matrix. A
gate of many cells is orthogonalized in blocks, which costs half as much and does not change the loss (as in most steps
of Khaled et al. 2025, "MuonBP"). The polynomials are the first three of the Polar Express (Amsel et al. 2025), each
optimal after those before it: they reach here what four of Muon's own reached. AdamW: Loshchilov and Hutter 2019.

Both optimizers keep their state in named tensors that exist from the start, so that a run can be saved at any step.
They do not inherit from `torch.optim.Optimizer`, whose construction imports torch's compiler, which takes as long as
importing torch itself.

Shapes: H hidden, K inputs of a matrix, G matrices in a stack.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

_GATES = 4
_BLOCK_CELLS = 256  # of a gate that are orthogonalized together, at most: below 128 the loss grows more than it saves
_MOMENTUM = 0.95  # of Muon: Nesterov momentum
_BETAS, _EPS = (0.9, 0.99), 1e-8  # of AdamW
_TURNS = 2  # steps in which every block is updated once; the momentum changes little meanwhile
# a x + b x³ + c x⁵ with these, one after another, moves singular values towards one.
_POLYNOMIALS = (
    (8.28721201814563, -23.595886519098837, 17.300387312530933),
    (4.107059111542203, -2.9478499167379106, 0.5448431082926601),
    (3.9486908534822946, -2.908902115962949, 0.5518191394370137),
)
# Rounding can raise a singular value up to this factor above one, where the next polynomial would diverge.
_SAFETY = 1.01


class GatewiseMuon:
    """Muon on matrices of four stacked gates.

    Each gate is cut into blocks of 128 to 256 cells, whose momentum is orthogonalized alone. An update changes every
    second block by twice the step, and the next update the others.

    Args:
        params: (4H, K) matrices by name, the gates i, f, g, o below each other as in `nn.LSTM`.
        lr: the learning rate; the root mean square of an update is about lr / √K.
        weight_decay: decoupled, times lr.
        dtype: of the polynomials' matrix products; bfloat16 is precise enough.
    """

    def __init__(
        self,
        params: Mapping[str, nn.Parameter],
        lr: float,
        *,
        weight_decay: float = 0.0,
        dtype: torch.dtype = torch.bfloat16,
    ) -> None:
        self._params = dict(params)
        self._buffers = {name: torch.zeros_like(p, requires_grad=False) for name, p in params.items()}
        self._lr, self._weight_decay, self._dtype = lr, weight_decay, dtype

    @torch.no_grad()
    def step(self, share: float, number: int) -> None:
        """Updates every matrix that has a gradient.

        Args:
            share: the share of the full learning rate that this update uses, 0 to 1.
            number: the number of this update, from 1.
        """
        lr = self._lr * share
        for name, p in self._params.items():
            if p.grad is None:
                continue
            buffer = self._buffers[name].lerp_(p.grad, 1 - _MOMENTUM)
            updated, gradient, momentum = (_blocks(matrix, number) for matrix in (p, p.grad, buffer))
            update = orthogonalize(gradient.lerp(momentum, _MOMENTUM), self._dtype)
            scale = _TURNS * max(1.0, update.shape[1] / update.shape[2]) ** 0.5
            p.mul_(1 - lr * self._weight_decay)
            updated.add_(update, alpha=-lr * scale)

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """Yields the names and tensors of the whole state; writing to such a tensor changes the state."""
        for name, buffer in self._buffers.items():
            yield f"{name}.momentum_buffer", buffer


def _blocks(matrix: Tensor, number: int) -> Tensor:
    """Returns the blocks (4 parts / 2, H / parts, K) of a matrix (4H, K) that this update changes; a view."""
    cells = len(matrix) // _GATES
    return matrix.view(_GATES * _parts(cells), -1, matrix.shape[1])[number % _TURNS :: _TURNS]


def _parts(cells: int) -> int:
    """Returns into how many equal blocks of 128 to 256 cells a gate is cut; 1 if its cells cannot be divided so."""
    counts = range(-(-cells // _BLOCK_CELLS), 2 * cells // _BLOCK_CELLS + 1)
    return next((count for count in counts if cells % count == 0), 1)


class AdamW:
    """AdamW; matrices decay, vectors do not."""

    def __init__(self, params: Mapping[str, nn.Parameter], lr: float, *, weight_decay: float = 0.0) -> None:
        self._params = dict(params)
        self._means = {name: torch.zeros_like(p, requires_grad=False) for name, p in params.items()}
        self._squares = {name: torch.zeros_like(p, requires_grad=False) for name, p in params.items()}
        self._lr, self._weight_decay = lr, weight_decay

    @torch.no_grad()
    def step(self, share: float, number: int) -> None:
        """Updates every parameter that has a gradient; see `GatewiseMuon.step`."""
        lr, (beta1, beta2) = self._lr * share, _BETAS
        for name, p in self._params.items():
            if p.grad is None:
                continue
            mean = self._means[name].lerp_(p.grad, 1 - beta1)
            squares = self._squares[name].mul_(beta2).addcmul_(p.grad, p.grad, value=1 - beta2)
            root = squares.sqrt().mul_((1 - beta2**number) ** -0.5).add_(_EPS)
            if p.ndim > 1:
                p.mul_(1 - lr * self._weight_decay)
            p.addcdiv_(mean, root, value=-lr / (1 - beta1**number))

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """Yields the names and tensors of the whole state; writing to such a tensor changes the state."""
        for name in self._params:
            yield f"{name}.exp_avg", self._means[name]
            yield f"{name}.exp_avg_sq", self._squares[name]


def orthogonalize(matrices: Tensor, dtype: torch.dtype = torch.bfloat16) -> Tensor:
    """Returns each matrix of a stack (G, M, N) with its singular values moved towards one; zeros stay zeros.

    The matrix products are computed in `dtype`; the result has the dtype of `matrices`.
    """
    x = matrices.to(dtype)
    wide = x if x.shape[1] <= x.shape[2] else x.mT
    wide = wide / (wide.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for a, b, c in _POLYNOMIALS:
        gram = wide @ wide.mT
        inner = torch.baddbmm(gram, gram, gram, beta=b / _SAFETY**3, alpha=c / _SAFETY**5)
        wide = torch.baddbmm(wide, inner, wide, beta=a / _SAFETY)
    result: Tensor = wide if x.shape[1] <= x.shape[2] else wide.mT
    return result.to(matrices.dtype)
