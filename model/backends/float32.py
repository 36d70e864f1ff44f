"""The backend that runs the network in float32, for models whose loss rises too much in int8.

It computes each slot separately, because a batched float32 product may round differently in a batch of another size.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

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
        return self._states[slot].copy()

    def forward(self, slots: Indices, ids: Indices, clamps: Sequence[Clamps] = ()) -> Floats:
        logits, states = [], []
        with torch.inference_mode():
            for position, (slot, token) in enumerate(zip(slots.tolist(), ids.tolist(), strict=True)):
                clamped = clamps[position] if clamps else ()
                each, state = self._network.step(
                    torch.tensor([token], device=self._device), self._states[slot], clamped
                )
                row = each[0].float().cpu().numpy()
                if self._blocked is not None:
                    row[self._blocked] = NEVER
                logits.append(row)
                states.append(state)
        for slot, state in zip(slots.tolist(), states, strict=True):
            self._states[slot] = state
        return np.stack(logits)
