"""The interface that the engine uses to run a network: states in slots, and one step over some of the slots. Its
implementations with torch operators, on any device: the network in float32, and int8 inference.

A backend has a number of slots. A slot holds the LSTM state of one sequence. A step reads one character in each of B
slots and returns the logits of the next one.

Shapes: B slots in a step, T characters, V vocabulary, H hidden, L layers.
"""

from __future__ import annotations

import importlib.util
import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..clamps import Clamps
from ..int8 import sampling
from ..int8.weights import NEVER, Int8Weights, float_h, gates, integer_h, step
from ..lstm import LSTMNetwork, LSTMState
from ..settings import SamplingParams

log = logging.getLogger("char-lstm")
Indices = npt.NDArray[np.int64]  # (B,), slots or ids
Floats = npt.NDArray[np.float32]
Characters = tuple[list[list[int]], list[list[float]]]  # B lists of T ids, and their surprisals in bits


class Backend(ABC):
    """Runs one network over slots of state."""

    @abstractmethod
    def load(self, slot: int, state: LSTMState) -> None:
        """Puts a state, (L, 1, H), into a slot."""

    @abstractmethod
    def state(self, slot: int) -> LSTMState:
        """Returns the state in a slot, (L, 1, H); later steps do not change it."""

    def cells(self, slot: int) -> Floats:
        """Returns a copy of the cells c in a slot, (L, H) float32."""
        cells: Floats = self.state(slot).c[:, 0].cpu().numpy()
        return cells

    @abstractmethod
    def forward(self, slots: Indices, ids: Indices, clamps: Sequence[Clamps] = ()) -> Floats:
        """Reads one character per slot and returns the logits of the next one, (B, V) float32.

        Args:
            slots: (B,) int64, distinct.
            ids: (B,) int64, the characters to read.
            clamps: B tuples, the cells that are clamped in each slot during this step; () if no slot has any.
        """

    def prefill(self, slots: Indices, ids: Indices, clamps: Sequence[Clamps] = ()) -> None:
        """Reads one character of a prompt per slot. Arguments as in `forward`."""
        self.forward(slots, ids, clamps)

    def most_characters(self, slots: int) -> int:  # noqa: ARG002  NumbaInt8Backend needs it
        """Returns how many characters `write` can draw for each of `slots` slots."""
        return 1

    def write(
        self,
        slots: Indices,
        ids: Indices,
        params: list[SamplingParams],
        numbers: list[list[int]],
        clamps: Sequence[Clamps] = (),
    ) -> Characters:
        """Reads one character per slot, draws T, reads all of these except the last, and returns them.

        Args:
            slots, ids, clamps: as in `forward`; the clamps hold for each character.
            params: B, the sampling parameters of each slot.
            numbers: B lists of T random numbers in [0, 2^64), see `Randomness`; T is at most `most_characters`.
        """
        logits = self.forward(slots, ids, clamps)
        return choose(logits, params, numbers)

    def written_state(self, slot: int, row: int, position: int) -> LSTMState:  # noqa: ARG002
        """Returns the state before a character that the last `write` drew is read.

        Args:
            row: the position of the slot among those of the call.
            position: the position of the character among those drawn for the slot.
        """
        return self.state(slot)

    @abstractmethod
    def gates(self, layer: int, ids: Indices, below: Tensor, before: Tensor) -> Floats:
        """Returns the gates i, f, g, o of a layer at T characters, (T, 4, H).

        Args:
            ids: (T,) int64, the characters that were read.
            below: (T, H), h of the layer below after each character; not used in the first layer.
            before: (T, H), h of this layer before each character.
        """


@cache
def numba_available() -> bool:
    """Returns whether numba is installed and exact here. The environment variable CHAR_LSTM_COMPILE=0 disables it."""
    if os.environ.get("CHAR_LSTM_COMPILE") == "0" or importlib.util.find_spec("numba") is None:
        return False
    try:
        from ..int8 import numba_kernels

        numba_kernels.check_products()
    except Exception as error:
        log.warning("numba is not used, so text is generated several times as slowly: %s", error, exc_info=error)
        return False
    return True


def choose(logits: Floats, params: list[SamplingParams], numbers: list[list[int]]) -> Characters:
    """Draws the next character of each slot as `sampling.choose` does, compiled if possible; T is 1."""
    first = [number for (number,) in numbers]
    if not numba_available():
        ids = [sampling.choose(*each) for each in zip(logits, params, first, strict=True)]
        return [[id_] for id_ in ids], [[sampling.surprisal(*each)] for each in zip(logits, ids, strict=True)]
    from ..int8 import numba_kernels

    drawn, bits = np.empty(len(logits), np.int64), np.empty(len(logits))
    arguments = numba_kernels.draw_params(params), np.array(first, np.uint64), sampling.POWERS
    numba_kernels.draw(logits, *arguments, drawn, bits)
    return drawn[:, None].tolist(), bits[:, None].tolist()


def clamp_table(clamps: Sequence[Clamps]) -> Floats:
    """Returns the clamps of B slots, (M, 4) float32: the layer, the position among the B, the cell and the value."""
    rows = [(layer, at, cell, value) for at, of_slot in enumerate(clamps) for layer, cell, value in of_slot]
    return np.array(rows, np.float32).reshape(-1, 4)


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
