"""One arithmetic for writing: the same text alone or among many, on any machine.

Sums of products of 8-bit integers are exact in any order. What is left is a little float32 in which each operation
is rounded by itself, and tables for the functions that differ between libraries. docs/int8-inference.md is the
definition, for other implementations; this module is it in torch operators, which run wherever torch does.

Knows the network's weights; not who asks for characters.

Shapes: B rows, V vocabulary, H hidden, L layers, K = H in the first layer and 2H above it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..lstm import LSTMNetwork, LSTMState

VERSION = 1
H_SCALE = 127.0  # h is bounded by 1, and kept as round(127 h)
TABLE_RANGE, TABLE_STEPS = 8.0, 256.0  # sigmoid and tanh are tabulated over [-8, 8] in steps of 1/256
_EXACT_COLUMNS = 1024  # a float32 sum of so many products of 8-bit integers stays below 2^24: exact in any order


def _tables() -> tuple[Tensor, Tensor]:
    x = np.arange(-TABLE_RANGE * TABLE_STEPS, TABLE_RANGE * TABLE_STEPS + 1) / TABLE_STEPS
    return torch.from_numpy((1 / (1 + np.exp(-x))).astype(np.float32)), torch.from_numpy(np.tanh(x).astype(np.float32))


SIGMOID, TANH = _tables()  # (4097,) float32 each


@dataclass(frozen=True)
class QuantizedMatrix:
    """A matrix in 8 bits with one scale a row.

    Attributes:
        q: (N, K) int8, in [-127, 127].
        scale: (N,) float32: what a sum of products of q with 127 h is worth.
    """

    q: Tensor
    scale: Tensor

    @classmethod
    def of(cls, weight: Tensor) -> QuantizedMatrix:
        """Rounds a float32 matrix: q = round(w / s), s = max|row| / 127, half to even."""
        step = weight.abs().amax(dim=1) / H_SCALE
        step = torch.where(step > 0, step, torch.ones_like(step))
        q = torch.round(weight / step[:, None]).clamp_(-127, 127).to(torch.int8)
        return cls(q, step / H_SCALE)

    def to(self, device: torch.device) -> QuantizedMatrix:
        return QuantizedMatrix(self.q.to(device), self.scale.to(device))


@dataclass(frozen=True)
class Int8Weights:
    """A network as this arithmetic uses it.

    Attributes:
        table: (V, 4H) float32: what the first layer gets of each character, biases included.
        layers: L matrices (4H, K): of h in the first layer, of [h of the layer below | h] above it.
        biases: L - 1 of (4H,) float32, for the layers above the first.
        output: (V, H).
        output_bias: (V,) float32.
    """

    table: Tensor
    layers: list[QuantizedMatrix]
    biases: list[Tensor]
    output: QuantizedMatrix
    output_bias: Tensor

    @classmethod
    def of(cls, network: LSTMNetwork) -> Int8Weights:
        """Rounds the weights of a network."""
        weights = [[w.detach().float().cpu() for w in layer] for layer in network.lstm.all_weights]
        first, *above = weights
        layers = [QuantizedMatrix.of(first[1]), *(QuantizedMatrix.of(torch.cat(layer[:2], dim=1)) for layer in above)]
        return cls(
            _input_table(network.embedding.weight.detach().float().cpu(), first),
            layers,
            [layer[2] + layer[3] for layer in above],
            QuantizedMatrix.of(network.output.weight.detach().float().cpu()),
            network.output.bias.detach().float().cpu(),
        )

    def to(self, device: torch.device) -> Int8Weights:
        return Int8Weights(
            self.table.to(device),
            [layer.to(device) for layer in self.layers],
            [bias.to(device) for bias in self.biases],
            self.output.to(device),
            self.output_bias.to(device),
        )


def _input_table(embedding: Tensor, first: list[Tensor]) -> Tensor:
    """W_ih · E + b_ih + b_hh for every character, in float64, summed in this order, rounded to float32 once."""
    weight, _, bias_ih, bias_hh = (tensor.double().numpy() for tensor in first)
    table = np.zeros((len(embedding), len(weight)))
    for left, right in zip(embedding.double().numpy().T, weight.T, strict=True):
        table += left[:, None] * right  # a product of float32s is exact in float64; only the sum is rounded
    return torch.from_numpy(((table + bias_ih) + bias_hh).astype(np.float32))


@dataclass(frozen=True)
class Held:
    """Cells of one layer that are held at a value, N of them: (N,) int64 rows and cells, (N,) float32 values."""

    rows: Tensor
    cells: Tensor
    values: Tensor

    def to(self, device: torch.device) -> Held:
        return Held(self.rows.to(device), self.cells.to(device), self.values.to(device))


def integer_h(h: Tensor) -> Tensor:
    """(…) float in [-1, 1] to int8: round(127 h), half to even. Gives back what ``float_h`` was given."""
    return torch.round(h.float() * H_SCALE).to(torch.int8)


def float_h(h: Tensor) -> Tensor:
    """(…) int8 to float32, as an ``LSTMState`` keeps it."""
    return h.float() / H_SCALE


def exact_product(x: Tensor, matrix: QuantizedMatrix) -> Tensor:
    """x (B, K) int8 times q transposed: (B, N) int32, exact. Float32 is used where it cannot round."""
    total = None
    for start in range(0, x.shape[1], _EXACT_COLUMNS):
        part = slice(start, start + _EXACT_COLUMNS)
        product = (x[:, part].float() @ matrix.q[:, part].float().T).to(torch.int32)
        total = product if total is None else total + product
    if total is None:
        raise ValueError("a matrix without columns")
    return total


def look_up(table: Tensor, x: Tensor) -> Tensor:
    """The tabulated function at x (…) float32: the nearest entry, half to even, the ends beyond [-8, 8]."""
    index = torch.round((x.clamp(-TABLE_RANGE, TABLE_RANGE) + TABLE_RANGE) * TABLE_STEPS)
    return table[index.long()]


def cell(gates: Tensor, c: Tensor, sigmoid: Tensor, tanh: Tensor, held: Held | None = None) -> tuple[Tensor, Tensor]:
    """One layer's update: gates (B, 4H) float32 in nn.LSTM's order, c (B, H) float32, and what is held of it.

    Returns:
        h (B, H) int8 and c (B, H) float32. Every operation is rounded by itself; none is fused.
    """
    i, f, g, o = gates.chunk(4, dim=1)
    kept = look_up(sigmoid, f) * c
    added = look_up(sigmoid, i) * look_up(tanh, g)
    c = kept + added
    if held is not None:
        c[held.rows, held.cells] = held.values
    return integer_h(look_up(sigmoid, o) * look_up(tanh, c)), c


def step(
    weights: Int8Weights, ids: Tensor, h: Tensor, c: Tensor, held: Mapping[int, Held] | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Reads one character a row.

    Args:
        weights: of the network, on the device of the other arguments.
        ids: (B,) int64.
        h: (L, B, H) int8; c: (L, B, H) float32.
        held: by layer, the cells that are held.

    Returns:
        logits (B, V) float32, h and c after the character.
    """
    sigmoid, tanh = SIGMOID.to(c.device), TANH.to(c.device)
    new_h: list[Tensor] = []
    new_c: list[Tensor] = []
    x = h[0]
    for layer in range(len(weights.layers)):
        if layer:
            x = torch.cat([new_h[-1], h[layer]], dim=1)
        gates = _gate_sums(weights, layer, ids, x)
        layer_h, layer_c = cell(gates, c[layer], sigmoid, tanh, held.get(layer) if held else None)
        new_h.append(layer_h)
        new_c.append(layer_c)
    logits = exact_product(new_h[-1], weights.output).float() * weights.output.scale + weights.output_bias
    return logits, torch.stack(new_h), torch.stack(new_c)


def _gate_sums(weights: Int8Weights, layer: int, ids: Tensor, x: Tensor) -> Tensor:
    """(B, 4H): what a layer's gates are functions of."""
    added = weights.table[ids] if layer == 0 else weights.biases[layer - 1]
    return exact_product(x, weights.layers[layer]).float() * weights.layers[layer].scale + added


def gates_of(weights: Int8Weights, layer: int, ids: Tensor, below: Tensor | None, before: Tensor) -> Tensor:
    """The gates by which a layer made a state, to look at.

    Args:
        weights: of the network.
        layer: which.
        ids: (B,) what was read.
        below: (B, H), h of the layer below after it; None in the first.
        before: (B, H), this layer's own h before it. Both as an ``LSTMState`` keeps them.

    Returns:
        (B, 4, H): i, f, g, o.
    """
    device = weights.table.device
    parts = [integer_h(h.to(device)) for h in (below, before) if h is not None]
    sums = _gate_sums(weights, layer, ids.to(device), torch.cat(parts, dim=1))
    i, f, g, o = sums.chunk(4, dim=1)
    sigmoid, tanh = SIGMOID.to(device), TANH.to(device)
    return torch.stack([look_up(sigmoid, i), look_up(sigmoid, f), look_up(tanh, g), look_up(sigmoid, o)], dim=1)


def to_state(h: Tensor, c: Tensor) -> LSTMState:
    """(h int8, c) of this arithmetic as the state that everyone else knows."""
    return LSTMState(float_h(h), c.clone())
