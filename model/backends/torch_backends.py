"""The backends that run torch operators, on any device: the network in float32, and int8 inference."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..clamps import Clamps
from ..int8.weights import NEVER, Int8Weights, float_h, gates, integer_h, output_logits, step
from ..lstm import LSTMNetwork, LSTMState
from .backend import Backend, Floats, Indices, clamp_table


class Float32Backend(Backend):
    """Runs the network in float32, on the device of its weights, for models whose loss rises too much in int8.

    It computes each slot separately: a batched float32 product may round differently in a batch of another size.
    """

    def __init__(self, network: LSTMNetwork, slots: int, blocked: int | None = None) -> None:
        self._blocked = blocked
        self._network = network
        self._device = network.output.weight.device
        self._states = [LSTMState.zeros(network.config, device=self._device)] * slots

    def load(self, slot: int, state: LSTMState) -> None:
        self._states[slot] = state.to(self._device)

    def state(self, slot: int) -> LSTMState:
        return self._states[slot]  # a step makes new tensors and changes none

    def forward(self, slots: Indices, ids: Indices, clamps: Sequence[Clamps] = ()) -> Floats:
        logits = []
        with torch.inference_mode():
            for position, (slot, token) in enumerate(zip(slots.tolist(), ids.tolist(), strict=True)):
                clamped = clamps[position] if clamps else ()
                token = torch.tensor([token], device=self._device)
                each, self._states[slot] = self._network.step(token, self._states[slot], clamped)
                logits.append(each[0].float().cpu().numpy())
        result = np.stack(logits)
        if self._blocked is not None:
            result[:, self._blocked] = NEVER
        return result

    def gates(self, layer: int, ids: Indices, below: Tensor, before: Tensor) -> Floats:
        with torch.inference_mode():
            x = below.to(self._device) if layer else self._network.embedding(torch.from_numpy(ids).to(self._device))
            result: Floats = self._network.gates(layer, x, before.to(self._device)).float().cpu().numpy()
        return result

    def output_logits(self, h: Tensor) -> Floats:
        with torch.inference_mode():
            result: Floats = self._network.output(h.to(self._device)).float().cpu().numpy()
        return result


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
