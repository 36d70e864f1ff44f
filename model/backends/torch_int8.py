"""The backend that runs int8 inference with torch operators, on any device."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..clamps import Clamps
from ..int8.weights import Int8Weights, float_h, gates, integer_h, output_logits, step
from ..lstm import LSTMState
from .backend import Backend, Floats, Indices, clamp_table


class TorchInt8Backend(Backend):
    """Runs int8 inference on the device of the weights; the same bits as `NumbaInt8Backend`."""

    def __init__(self, weights: Int8Weights, slots: int) -> None:
        self._weights = weights
        device, hidden = weights.table.device, weights.table.shape[1] // 4
        self._h = torch.zeros(len(weights.layers), slots, hidden, dtype=torch.int8, device=device)
        self._c = torch.zeros(len(weights.layers), slots, hidden, device=device)

    def load(self, slot: int, state: LSTMState) -> None:
        self._h[:, slot] = integer_h(state.h[:, 0]).to(self._h.device)
        self._c[:, slot] = state.c[:, 0].to(self._c.device)

    def state(self, slot: int) -> LSTMState:
        h, c = self._h[:, slot : slot + 1].cpu(), self._c[:, slot : slot + 1].cpu()
        return LSTMState(float_h(h), c.clone())

    def forward(self, slots: Indices, ids: Indices, clamps: Sequence[Clamps] = ()) -> Floats:
        device = self._h.device
        with torch.inference_mode():
            at = torch.from_numpy(slots).to(device)
            tokens = torch.from_numpy(ids).to(device)
            entries = torch.from_numpy(clamp_table(clamps)).to(device) if clamps else None
            logits, h, c = step(self._weights, tokens, self._h[:, at], self._c[:, at], entries)
            self._h[:, at], self._c[:, at] = h, c
            result: Floats = logits.cpu().numpy()
        return result

    def gates(self, layer: int, ids: Indices, below: Tensor, before: Tensor) -> Floats:
        device = self._h.device
        x = torch.cat([integer_h(h.to(device)) for h in ((below, before) if layer else (before,))], dim=1)
        parts = gates(self._weights, layer, torch.from_numpy(ids).to(device), x)
        result: Floats = torch.stack(parts, dim=1).cpu().numpy()
        return result

    def output_logits(self, h: Tensor) -> Floats:
        result: Floats = output_logits(self._weights, integer_h(h).to(self._h.device)).cpu().numpy()
        return result
