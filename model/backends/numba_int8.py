"""The backend that runs int8 inference on a CPU: loops that numba compiles, and the fastest exact int8 products."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from ..clamps import Clamps
from ..int8.weights import SIGMOID, TANH, Int8Weights, float_h, integer_h
from ..lstm import LSTMState
from ..settings import SamplingParams
from .backend import Backend, Floats, Indices, clamps_by_layer
from .products import Int8s, product

_NO_CLAMPS = np.zeros((0, 3), np.float32)


class NumbaInt8Backend(Backend):
    """Runs int8 inference in compiled loops; the same bits as `TorchInt8Backend`."""

    def __init__(self, weights: Int8Weights, slots: int) -> None:
        from ..int8 import numba_kernels

        self._kernels = numba_kernels
        self._hidden = weights.table.shape[1] // 4
        self._h = np.zeros((len(weights.layers), slots, self._hidden), np.int8)
        self._c = np.zeros((len(weights.layers), slots, self._hidden), np.float32)
        biases = [np.zeros((1, 0), np.float32), *(bias.numpy()[None] for bias in weights.biases)]
        self._layers = [(product(m), m.scale.numpy(), bias) for m, bias in zip(weights.layers, biases, strict=True)]
        self._output = product(weights.output)
        self._table = weights.table.numpy()
        self._output_scale, self._output_bias = weights.output.scale.numpy(), weights.output_bias.numpy()
        self._sigmoid, self._tanh = SIGMOID.numpy(), TANH.numpy()

    def load(self, slot: int, state: LSTMState) -> None:
        """Puts a state into a slot."""
        self._h[:, slot] = integer_h(state.h[:, 0].cpu()).numpy()
        self._c[:, slot] = state.c[:, 0].cpu().numpy()

    def state(self, slot: int) -> LSTMState:
        """Returns a copy of the state in a slot."""
        h, c = self._h[:, slot : slot + 1], self._c[:, slot : slot + 1]
        return LSTMState(float_h(torch.from_numpy(h)), torch.from_numpy(c.copy()))

    def cells(self, slot: int) -> Floats:
        """Returns a copy of the cells c in a slot."""
        return self._c[:, slot].copy()

    def prefill(self, slots: Indices, ids: Indices) -> None:
        """Reads one character per slot."""
        self._store(slots, *self._step(slots, ids))

    def forward(self, slots: Indices, ids: Indices, clamps: Sequence[Clamps] = ()) -> Floats:
        """Reads one character per slot and returns the logits of the next one."""
        h, c = self._step(slots, ids, clamps)
        logits = self._logits(h[-1])
        self._store(slots, h, c)
        return logits

    def decode(
        self,
        slots: Indices,
        ids: Indices,
        params: list[SamplingParams],
        numbers: list[int],
        clamps: Sequence[Clamps] = (),
    ) -> list[int]:
        """Reads one character per slot and draws the next one."""
        h, c = self._step(slots, ids, clamps)
        chosen = self._kernels.choose(self._logits(h[-1]), params, numbers)
        self._store(slots, h, c)
        return chosen

    def _step(self, slots: Indices, ids: Indices, clamps: Sequence[Clamps] = ()) -> tuple[list[Int8s], Floats]:
        """Returns h of each layer, L arrays (B, H) int8, and c, (L, B, H) float32, after the characters."""
        c = self._c[:, slots]  # a copy
        h: list[Int8s] = []
        zeros, clamped = np.zeros(len(slots), np.int64), clamps_by_layer(clamps)
        for layer, (multiply, scale, bias) in enumerate(self._layers):
            x = self._h[layer][slots]
            if layer:
                x = np.concatenate([h[-1], x], axis=1)
            sums = multiply(x)
            after = np.empty((len(slots), self._hidden), np.int8)
            # The first layer adds the input of each character from a table, the layers above one bias for all.
            added, row = (bias, zeros) if layer else (self._table, ids)
            entries = clamped.get(layer, _NO_CLAMPS)
            self._kernels.cells(sums, scale, added, row, entries, self._sigmoid, self._tanh, c[layer], after)
            h.append(after)
        return h, c

    def _logits(self, h: Int8s) -> Floats:
        sums = self._output(h)
        logits = np.empty(sums.shape, np.float32)
        self._kernels.scaled(sums, self._output_scale, self._output_bias, logits)
        return logits

    def _store(self, slots: Indices, h: list[Int8s], c: Floats) -> None:
        for layer, after in enumerate(h):
            self._h[layer][slots] = after
        self._c[:, slots] = c
