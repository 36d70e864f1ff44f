"""The optimizers: Muon for the LSTM's matrices, AdamW for everything else.

Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/) takes the momentum of a matrix and makes
its singular values nearly one, so that no direction of the update drowns the others. An LSTM stacks the four
gates' matrices into one: each gate is made orthogonal by itself, which is worth 0.018 nats over the whole, and one of
many cells in parts, which costs half as much and nothing in loss (as most steps of Khaled et al. 2025, "MuonBP"). The
polynomials that do it are those of the Polar Express (Amsel et al. 2025), each the best after those before it: three
of them do here what took four of Muon's own. AdamW: Loshchilov and Hutter 2019.

Both keep their state in tensors that exist from the start and have names, so that a run can be saved at any step.
They are no ``torch.optim.Optimizer``, whose making imports torch's compiler: as long again as torch itself.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Protocol

import torch
from torch import Tensor, nn

from . import processes as parallel

_GATES = 4
_CELLS = 256  # of a gate that are made orthogonal together, at most: fewer than 128 lose more than they save
_TURNS = 2  # steps in which all blocks are moved once; momentum has changed little by then
# a x + b x³ + c x⁵ with these one after another brings singular values from 0.001 to 1 together; beyond the last
# come those of Newton and Schulz, which leave ones as they are.
_POLYNOMIALS = (
    (8.28721201814563, -23.595886519098837, 17.300387312530933),
    (4.107059111542203, -2.9478499167379106, 0.5448431082926601),
    (3.9486908534822946, -2.908902115962949, 0.5518191394370137),
    (3.3184196573706015, -2.488488024314874, 0.51004894012372),
    (2.300652019954817, -1.6689039845747493, 0.4188073119525673),
    (1.891301407787398, -1.2679958271945868, 0.37680408948524835),
)
_LAST = (1.875, -1.25, 0.375)
# So far may rounding bring a singular value beyond where a polynomial ends; the next would throw it off from there.
_ROOM = 1.01


class Optimizer(Protocol):
    """Moves some parameters by their gradients."""

    def step(self, share: float, number: int) -> None:
        """One update of every parameter that has a gradient.

        Args:
            share: of the full learning rate, 0 to 1.
            number: of this update, counted from 1.
        """

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """All that it remembers, by name; the tensors themselves, to be copied from and into."""


class GatewiseMuon:
    """Muon on matrices of stacked gates.

    Args:
        params: (4H, K) matrices by name, the gates i, f, g, o under each other as ``nn.LSTM`` keeps them.
        lr: an update's root mean square is about lr / √K.
        momentum: of Nesterov's kind.
        weight_decay: decoupled, times lr.
        iterations: polynomials; three are enough.
        dtype: in which they are computed; the iteration forgives the rounding of bfloat16.
    """

    def __init__(
        self,
        params: Mapping[str, nn.Parameter],
        lr: float,
        *,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        iterations: int = 3,
        dtype: torch.dtype = torch.bfloat16,
    ) -> None:
        self._params = dict(params)
        self._buffers = {name: torch.zeros_like(p, requires_grad=False) for name, p in params.items()}
        self._lr, self._momentum, self._weight_decay = lr, momentum, weight_decay
        self._iterations, self._dtype = iterations, dtype

    @torch.no_grad()
    def step(self, share: float, number: int) -> None:
        """See ``Optimizer``. Every other block of a matrix is moved, twice as far; the others at the next step."""
        lr = self._lr * share
        for name, p in self._params.items():
            if p.grad is None:
                continue
            buffer = self._buffers[name].lerp_(p.grad, 1 - self._momentum)
            moved, gradient, momentum = (_blocks(matrix, number) for matrix in (p, p.grad, buffer))
            update = parallel.shared_out(self._orthogonalized, gradient.lerp(momentum, self._momentum))
            scale = _TURNS * max(1.0, update.shape[1] / update.shape[2]) ** 0.5
            p.mul_(1 - lr * self._weight_decay)
            moved.add_(update, alpha=-lr * scale)

    def _orthogonalized(self, blocks: Tensor) -> Tensor:
        return orthogonalize(blocks, self._iterations, self._dtype)

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """See ``Optimizer``."""
        for name, buffer in self._buffers.items():
            yield f"{name}.momentum_buffer", buffer


def _blocks(matrix: Tensor, number: int) -> Tensor:
    """The blocks (4 parts / 2, H / parts, K) of a matrix (4H, K) whose turn it is; no copy."""
    cells = len(matrix) // _GATES
    return matrix.view(_GATES * _parts(cells), -1, matrix.shape[1])[number % _TURNS :: _TURNS]


def _parts(cells: int) -> int:
    """Into how many equal parts a gate is cut; 1 where none of 128 to 256 cells come out."""
    counts = range(-(-cells // _CELLS), 2 * cells // _CELLS + 1)
    return next((count for count in counts if cells % count == 0), 1)


class AdamW:
    """AdamW; matrices decay, vectors do not.

    Args:
        params: parameters by name.
        lr: the learning rate.
        betas: decay of the gradients' mean, and of that of their squares.
        weight_decay: decoupled, times lr.
        eps: added to the root of the squares' mean.
    """

    def __init__(
        self,
        params: Mapping[str, nn.Parameter],
        lr: float,
        *,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        eps: float = 1e-8,
    ) -> None:
        self._params = dict(params)
        self._means = {name: torch.zeros_like(p, requires_grad=False) for name, p in params.items()}
        self._squares = {name: torch.zeros_like(p, requires_grad=False) for name, p in params.items()}
        self._lr, self._betas, self._weight_decay, self._eps = lr, betas, weight_decay, eps

    @torch.no_grad()
    def step(self, share: float, number: int) -> None:
        """See ``Optimizer``."""
        lr, (beta1, beta2) = self._lr * share, self._betas
        for name, p in self._params.items():
            if p.grad is None:
                continue
            mean = self._means[name].lerp_(p.grad, 1 - beta1)
            squares = self._squares[name].mul_(beta2).addcmul_(p.grad, p.grad, value=1 - beta2)
            root = squares.sqrt().mul_((1 - beta2**number) ** -0.5).add_(self._eps)
            if p.ndim > 1:
                p.mul_(1 - lr * self._weight_decay)
            p.addcdiv_(mean, root, value=-lr / (1 - beta1**number))

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """See ``Optimizer``."""
        for name in self._params:
            yield f"{name}.exp_avg", self._means[name]
            yield f"{name}.exp_avg_sq", self._squares[name]


def orthogonalize(matrices: Tensor, iterations: int, dtype: torch.dtype = torch.bfloat16) -> Tensor:
    """Each matrix of a stack (G, M, N) with its singular values pushed towards one.

    A matrix of zeros stays one.
    """
    x = matrices.to(dtype)
    wide = x if x.shape[1] <= x.shape[2] else x.mT
    wide = wide / (wide.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for a, b, c in itertools.islice(itertools.chain(_POLYNOMIALS, itertools.repeat(_LAST)), iterations):
        gram = wide @ wide.mT
        inner = torch.baddbmm(gram, gram, gram, beta=b / _ROOM**3, alpha=c / _ROOM**5)
        wide = torch.baddbmm(wide, inner, wide, beta=a / _ROOM)
    made: Tensor = wide if x.shape[1] <= x.shape[2] else wide.mT
    return made.to(matrices.dtype)
