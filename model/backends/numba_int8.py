"""The backend that runs int8 inference on a CPU, in loops that numba compiles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import torch

from ..clamps import Clamps
from ..int8 import numba_kernels
from ..int8.sampling import POWERS
from ..int8.weights import SIGMOID, TANH, Int8Weights, float_h
from ..lstm import LSTMState
from ..settings import SamplingParams
from .backend import Characters, Floats, Indices, TorchInt8Backend, clamp_table

_MAX_STATES = 512  # that `write` keeps: 2.6 MB for 2 layers of 512 cells
_Doubles = npt.NDArray[np.float64]
Draws = tuple[_Doubles, npt.NDArray[np.uint64], Indices, _Doubles]  # see `numba_kernels.run`
_NO_CLAMPS = np.zeros((0, 4), np.float32)
_NO_PARAMS, _NO_NUMBERS = np.zeros((0, 4)), np.zeros((0, 0), np.uint64)


class NumbaInt8Backend(TorchInt8Backend):
    """Runs int8 inference in compiled loops; the same bits as `TorchInt8Backend`."""

    def __init__(self, weights: Int8Weights, slots: int) -> None:
        super().__init__(weights, slots)
        self._kind = numba_kernels.fastest_kind()
        self._vocab = len(weights.table)
        self._states = self._h.numpy(), self._c.numpy()  # the same memory
        self._memory = np.empty(0, np.int8), np.empty(0, np.float32)
        self._after: tuple[npt.NDArray[Any], ...] = self._memory
        self._packed = _packed(weights)

    def cells(self, slot: int) -> Floats:
        return self._states[1][:, slot].copy()

    def prefill(self, slots: Indices, ids: Indices, clamps: Sequence[Clamps] = ()) -> None:
        self._run(slots, ids, clamps, np.empty((0, self._vocab), np.float32))

    def forward(self, slots: Indices, ids: Indices, clamps: Sequence[Clamps] = ()) -> Floats:
        logits = np.empty((len(slots), self._vocab), np.float32)
        self._run(slots, ids, clamps, logits)
        return logits

    def most_characters(self, slots: int) -> int:
        return max(1, _MAX_STATES // slots)

    def write(
        self,
        slots: Indices,
        ids: Indices,
        params: list[SamplingParams],
        numbers: list[list[int]],
        clamps: Sequence[Clamps] = (),
    ) -> Characters:
        shape = len(numbers[0]), len(slots)
        drawn, bits = np.empty(shape, np.int64), np.empty(shape)
        logits = np.empty((len(slots), self._vocab), np.float32)
        draws = numba_kernels.draw_params(params), np.array(numbers, np.uint64).T.copy(), drawn, bits
        self._run(slots, ids, clamps, logits, draws)
        return drawn.T.tolist(), bits.T.tolist()

    def written_state(self, slot: int, row: int, position: int) -> LSTMState:  # noqa: ARG002
        h, c = (each[position, :, row : row + 1] for each in self._after)
        return LSTMState(float_h(torch.from_numpy(h)), torch.from_numpy(c.copy()))

    def _run(
        self,
        slots: Indices,
        ids: Indices,
        clamps: Sequence[Clamps],
        logits: Floats,
        draws: Draws | None = None,
    ) -> None:
        """Reads one character per slot, then the drawn ones except the last; see `numba_kernels.run`."""
        entries = clamp_table(clamps) if clamps else _NO_CLAMPS
        none = (0, len(slots))
        draws = draws or (_NO_PARAMS, _NO_NUMBERS, np.empty(none, np.int64), np.empty(none))
        steps = max(1, len(draws[2]))
        layers, _, hidden = self._h.shape
        shape = steps, layers, len(slots), hidden
        size = math.prod(shape)
        if size > self._memory[0].size:  # reused, because the system clears the pages of new memory each time
            self._memory = np.empty(size, np.int8), np.empty(size, np.float32)
        self._after = tuple(each[:size].reshape(shape) for each in self._memory)
        numba_kernels.run(self._kind, self._packed, self._states, slots, ids, entries, self._after, logits, draws)


_packed_weights: WeakKeyDictionary[Int8Weights, tuple[npt.NDArray[Any], ...]] = WeakKeyDictionary()


def _packed(weights: Int8Weights) -> tuple[npt.NDArray[Any], ...]:
    """Returns the `weights` of `numba_kernels.run`; packed once, because each call of `stream` makes a backend."""
    if weights not in _packed_weights:
        kind = numba_kernels.fastest_kind()
        packed = [numba_kernels.pack(kind, matrix.q.numpy()) for matrix in weights.layers]
        _packed_weights[weights] = (
            torch.cat([torch.from_numpy(q) for q, _ in packed]).numpy(),
            np.stack([start for _, start in packed]),
            np.stack([matrix.scale.numpy() for matrix in weights.layers]),
            np.concatenate([weights.table.numpy(), *(bias.numpy()[None] for bias in weights.biases)]),
            *numba_kernels.pack(kind, weights.output.q.numpy()),
            torch.stack([weights.output.scale, weights.output_bias]).numpy(),
            torch.stack([SIGMOID, TANH]).numpy(),
            POWERS,
        )
    return _packed_weights[weights]
