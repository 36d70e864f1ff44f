"""Indices of LSTM states and the step that reads a character in some of them: what the engine turns.

Three of one shape. ``CompiledStepper`` and ``TorchStepper`` compute in int8, bit for bit the same:
the first with compiled loops on a CPU, the second with torch operators on any device. ``FloatStepper`` is the
network itself in float32, for models that 8 bits would cost too much; slot by slot, because a batched float32
product may round differently among other neighbours.

A step that raises has changed nothing: states are written back last.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Sequence
from functools import cache
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..clamps import Clamps
from ..int8 import sampling
from ..int8.weights import (
    SIGMOID,
    TANH,
    Held,
    Int8Weights,
    QuantizedMatrix,
    exact_product,
    float_h,
    integer_h,
    step,
    to_state,
)
from ..lstm import LSTMNetwork, LSTMState
from ..settings import SamplingParams

Precision = Literal["int8", "float32"]
Indices = npt.NDArray[np.int64]
Logits = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int8]
Sums = npt.NDArray[np.int32]
Product = Callable[[Ints, QuantizedMatrix], Sums]
_NO_CLAMPS = np.zeros((0, 3), np.float32)
_FEW = 2  # slots; libraries are made for more, and wake a thread a core for work that is over before they are up


class Backend(Protocol):
    """Holds the states of some slots."""

    def load(self, slot: int, state: LSTMState) -> None:
        """Puts a state (L, 1, H) into a slot."""

    def state(self, slot: int) -> LSTMState:
        """The state of a slot, (L, 1, H), copied."""

    def cells(self, slot: int) -> Logits:
        """The cells of a slot, (L, H) float32, copied."""

    def prefill(self, slots: Indices, ids: Indices) -> None:
        """Reads one character, ids (B,), in each of some slots (B,)."""

    def forward(self, slots: Indices, ids: Indices, clamps: Sequence[Clamps] = ()) -> Logits:
        """The same, and what is expected next, (B, V) float32. ``holds`` as of ``write``."""

    def decode(
        self,
        slots: Indices,
        ids: Indices,
        params: list[SamplingParams],
        numbers: list[int],
        clamps: Sequence[Clamps] = (),
    ) -> list[int]:
        """Reads one character a slot and draws the next.

        Args:
            slots: (B,) distinct.
            ids: (B,) what is read.
            params: B, how each slot is drawn.
            numbers: B random numbers in [0, 2^64).
            holds: B, the cells of each slot that are held in this step; () where none is.

        Returns:
            B ids.
        """


def make_backend(network: LSTMNetwork, slots: int, weights: Int8Weights | None) -> Backend:
    """The fastest stepper there is here for a network and its device; in float32 if there are no integer weights."""
    if weights is None:
        return Float32Backend(network, slots)
    if network.output.weight.device.type == "cpu" and has_compiler():
        return NumbaInt8Backend(weights, slots)
    return TorchInt8Backend(weights.to(network.output.weight.device), slots)


class Float32Backend:
    """The network in float32, as it is."""

    def __init__(self, network: LSTMNetwork, slots: int) -> None:
        self._network = network
        self._device = network.output.weight.device
        self._states = [LSTMState.zeros(network.config, device=self._device)] * slots

    def load(self, slot: int, state: LSTMState) -> None:
        self._states[slot] = state.to(self._device)

    def state(self, slot: int) -> LSTMState:
        return self._states[slot].copy()

    def cells(self, slot: int) -> Logits:
        return self._states[slot].c[:, 0].cpu().numpy().copy()

    def prefill(self, slots: Indices, ids: Indices) -> None:
        self._step(slots, ids)

    def forward(self, slots: Indices, ids: Indices, clamps: Sequence[Clamps] = ()) -> Logits:
        return np.stack(self._step(slots, ids, clamps))

    def decode(
        self,
        slots: Indices,
        ids: Indices,
        params: list[SamplingParams],
        numbers: list[int],
        clamps: Sequence[Clamps] = (),
    ) -> list[int]:
        logits = self._step(slots, ids, clamps)
        return [sampling.choose(*each) for each in zip(logits, params, numbers, strict=True)]

    def _step(self, slots: Indices, ids: Indices, clamps: Sequence[Clamps] = ()) -> list[Logits]:
        logits, states = [], []
        with torch.inference_mode():
            for place, (slot, token) in enumerate(zip(slots.tolist(), ids.tolist(), strict=True)):
                read, held = torch.tensor([token], device=self._device), clamps[place] if clamps else ()
                one, state = self._network.step(read, self._states[slot], held)
                logits.append(one[0].float().cpu().numpy())
                states.append(state)
        for slot, state in zip(slots.tolist(), states, strict=True):
            self._states[slot] = state
        return logits


class TorchInt8Backend:
    """int8 in torch operators, on the device of the weights."""

    def __init__(self, weights: Int8Weights, slots: int) -> None:
        self._weights = weights
        device, hidden = weights.table.device, weights.table.shape[1] // 4
        self._h = torch.zeros(len(weights.layers), slots, hidden, dtype=torch.int8, device=device)
        self._c = torch.zeros(len(weights.layers), slots, hidden, device=device)

    def load(self, slot: int, state: LSTMState) -> None:
        self._h[:, slot] = integer_h(state.h[:, 0]).to(self._h.device)
        self._c[:, slot] = state.c[:, 0].to(self._c.device)

    def state(self, slot: int) -> LSTMState:
        return to_state(self._h[:, slot : slot + 1].cpu(), self._c[:, slot : slot + 1].cpu())

    def cells(self, slot: int) -> Logits:
        return self._c[:, slot].cpu().numpy().copy()

    def prefill(self, slots: Indices, ids: Indices) -> None:
        self._step(slots, ids)

    def forward(self, slots: Indices, ids: Indices, clamps: Sequence[Clamps] = ()) -> Logits:
        logits: Logits = self._step(slots, ids, clamps).cpu().numpy()
        return logits

    def decode(
        self,
        slots: Indices,
        ids: Indices,
        params: list[SamplingParams],
        numbers: list[int],
        clamps: Sequence[Clamps] = (),
    ) -> list[int]:
        logits = self.forward(slots, ids, clamps)
        return [sampling.choose(*each) for each in zip(logits, params, numbers, strict=True)]

    def _step(self, slots: Indices, ids: Indices, clamps: Sequence[Clamps] = ()) -> Tensor:
        device = self._h.device
        with torch.inference_mode():
            where = torch.from_numpy(slots).to(device)
            tokens = torch.from_numpy(ids).to(device)
            held = {layer: _tensors(each).to(device) for layer, each in _by_layer(clamps).items()}
            logits, h, c = step(self._weights, tokens, self._h[:, where], self._c[:, where], held)
            self._h[:, where], self._c[:, where] = h, c
            return logits


class NumbaInt8Backend:
    """int8 on a CPU: compiled loops, and the fastest exact product of integers that is to be had."""

    def __init__(self, weights: Int8Weights, slots: int) -> None:
        from ..int8 import numba_kernels as compiled

        self._compiled = compiled
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
        self._h[:, slot] = integer_h(state.h[:, 0].cpu()).numpy()
        self._c[:, slot] = state.c[:, 0].cpu().numpy()

    def state(self, slot: int) -> LSTMState:
        h, c = self._h[:, slot : slot + 1], self._c[:, slot : slot + 1]
        return LSTMState(float_h(torch.from_numpy(h)), torch.from_numpy(c.copy()))

    def cells(self, slot: int) -> Logits:
        return self._c[:, slot].copy()

    def prefill(self, slots: Indices, ids: Indices) -> None:
        self._keep(slots, *self._step(slots, ids))

    def forward(self, slots: Indices, ids: Indices, clamps: Sequence[Clamps] = ()) -> Logits:
        h, c = self._step(slots, ids, clamps)
        logits = self._logits(h[-1])
        self._keep(slots, h, c)
        return logits

    def decode(
        self,
        slots: Indices,
        ids: Indices,
        params: list[SamplingParams],
        numbers: list[int],
        clamps: Sequence[Clamps] = (),
    ) -> list[int]:
        h, c = self._step(slots, ids, clamps)
        logits = self._logits(h[-1])
        chosen = self._compiled.choose(logits, params, numbers)
        self._keep(slots, h, c)
        return chosen

    def _step(
        self, slots: Indices, ids: Indices, clamps: Sequence[Clamps] = ()
    ) -> tuple[list[Ints], npt.NDArray[np.float32]]:
        c = self._c[:, slots]  # (L, B, H), a copy
        h: list[Ints] = []
        zeros, held = np.zeros(len(slots), np.int64), _by_layer(clamps)
        for layer, (multiply, scale, bias) in enumerate(self._layers):
            x = self._h[layer][slots]
            if layer:
                x = np.concatenate([h[-1], x], axis=1)
            sums = multiply(x)
            after = np.empty((len(slots), self._hidden), np.int8)
            added, which = (bias, zeros) if layer else (self._table, ids)
            here = held.get(layer, _NO_CLAMPS)
            self._compiled.cells(sums, scale, added, which, here, self._sigmoid, self._tanh, c[layer], after)
            h.append(after)
        return h, c

    def _logits(self, h: Ints) -> Logits:
        sums = self._output(h)
        logits = np.empty(sums.shape, np.float32)
        self._compiled.scaled(sums, self._output_scale, self._output_bias, logits)
        return logits

    def _keep(self, slots: Indices, h: list[Ints], c: npt.NDArray[np.float32]) -> None:
        for layer, after in enumerate(h):
            self._h[layer][slots] = after
        self._c[:, slots] = c


def _by_layer(clamps: Sequence[Clamps]) -> dict[int, npt.NDArray[np.float32]]:
    """What slots hold in each layer, (M, 3): place among the slots, cell, value."""
    layers: dict[int, list[tuple[int, int, float]]] = {}
    for place, slot in enumerate(clamps):
        for layer, cell, value in slot:
            layers.setdefault(layer, []).append((place, cell, value))
    return {layer: np.array(held, np.float32) for layer, held in layers.items()}


def _tensors(held: npt.NDArray[np.float32]) -> Held:
    slots, cells, values = torch.from_numpy(held).unbind(1)
    return Held(slots.long(), cells.long(), values)


def choose(logits: Logits, params: list[SamplingParams], numbers: list[int]) -> list[int]:
    """The next character of each slot, (B, V) float32 to B ids, the fastest way there is here."""
    if has_compiler():
        from ..int8 import numba_kernels as compiled

        return compiled.choose(logits, params, numbers)
    return [sampling.choose(*each) for each in zip(logits, params, numbers, strict=True)]


@cache
def has_compiler() -> bool:
    """Whether numba is installed and works here; CHAR_LSTM_COMPILE=0 says that it is not to be used."""
    if os.environ.get("CHAR_LSTM_COMPILE") == "0" or importlib.util.find_spec("numba") is None:
        return False
    try:
        _try(_compiled_product, 8, 64)
    except Exception:  # noqa: BLE001  a numba that fails, for whatever reason, is one that is not there
        return False
    return True


def product(matrix: QuantizedMatrix) -> Callable[[Ints], Sums]:
    """x (B, K) int8 → x · qᵀ (B, N) int32, exact: the fastest way for few slots, and that for many."""

    def multiply(x: Ints) -> Sums:
        return (product_of_many(*matrix.q.shape) if len(x) > _FEW else _compiled_product)(x, matrix)

    return multiply


@cache
def product_of_many(slots: int, columns: int) -> Product:
    """The product for many slots and a matrix of some shape: torch's, where it is exact; else one in float32.

    Torch's is private, and libraries below it have their limits: on processors without integer dot products some
    add pairs of products in 16 bits, which overflow. So it is tried on the largest numbers before it is trusted.
    """
    try:
        _try(_torch_product, slots, columns)
    except Exception:  # noqa: BLE001  it may be gone, refuse the shape, or be wrong
        return _float_product
    return _torch_product


def _compiled_product(x: Ints, matrix: QuantizedMatrix) -> Sums:
    from ..int8 import numba_kernels as compiled

    out = np.empty((len(x), len(matrix.q)), np.int32)
    compiled.product(x.astype(np.int16), matrix.q.numpy(), out)
    return out


def _torch_product(x: Ints, matrix: QuantizedMatrix) -> Sums:
    result: Sums = torch._int_mm(torch.from_numpy(x), matrix.q.T).numpy()
    return result


def _float_product(x: Ints, matrix: QuantizedMatrix) -> Sums:
    result: Sums = exact_product(torch.from_numpy(x), matrix).numpy()
    return result


def _try(multiply: Product, slots: int, columns: int) -> None:
    """Raises ArithmeticError unless products are exact: at their largest and at random, for few slots and for many."""
    generator = np.random.default_rng(0)
    q = generator.integers(-127, 128, (slots, columns), dtype=np.int8)
    q[: slots // 2] = 127
    q[: slots // 4, ::2] = -127
    matrix = QuantizedMatrix(torch.from_numpy(q), torch.ones(slots))
    for batch in (1, 2, 7, 33):
        x = generator.integers(-127, 128, (batch, columns), dtype=np.int8)
        x[0] = 127
        x[-1, 1::2] = -127
        if not np.array_equal(multiply(x, matrix), _float_product(x, matrix)):
            raise ArithmeticError("an integer product is not exact here")
