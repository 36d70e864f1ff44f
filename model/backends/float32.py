"""The backend that runs the network in float32, for models whose loss rises too much in int8.

It computes each slot separately, because a batched float32 product may round differently in a batch of another size.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..clamps import Clamps
from ..int8.weights import NEVER
from ..lstm import LSTMNetwork, LSTMState
from .backend import Backend, Floats, Indices


class Float32Backend(Backend):
    """Runs the network as it is, on the device of its weights."""

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
