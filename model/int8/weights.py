"""Quantized weights and the int8 LSTM step in torch: the same text alone or in a batch, on any machine.

Sums of products of 8-bit integers are exact in any order. The rest is float32 arithmetic in which every operation is
rounded separately, and tables for the functions that differ between libraries. docs/int8-inference.md is the definition
for other implementations; this module implements it with torch operators, on any device.

Shapes: B slots, V vocabulary, H hidden, L layers, N and K rows and columns of a matrix; K = H in the first layer and
2H above it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

import numpy as np
import torch
from torch import Tensor

from ..lstm import LSTMNetwork

NEVER = -1e9  # a logit whose weight is zero at any allowed temperature
VERSION = 1  # of the definition in docs/int8-inference.md; links name it
H_SCALE = 127.0  # h is in [-1, 1] and kept as round(127 h)
TABLE_RANGE, TABLE_STEPS = 8.0, 256.0  # sigmoid and tanh are tabulated over [-8, 8] in steps of 1/256
_TABLE_ROWS = 32  # characters whose inputs are summed at once; they fit into the cache: 9 times as fast as 6,000
_EXACT_COLUMNS = 1024  # a float32 sum of 1,024 products of 8-bit integers is below 2^24: exact in any order


def _tables() -> tuple[Tensor, Tensor]:
    x = np.arange(-TABLE_RANGE * TABLE_STEPS, TABLE_RANGE * TABLE_STEPS + 1) / TABLE_STEPS
    return torch.from_numpy((1 / (1 + np.exp(-x))).astype(np.float32)), torch.from_numpy(np.tanh(x).astype(np.float32))


SIGMOID, TANH = _tables()  # (4097,) float32 each


def matrices(layers: int) -> list[list[str]]:
    """Returns the names of the weights side by side in each quantized matrix: the layers from the first up, output."""
    above = [[f"lstm.weight_ih_l{layer}", f"lstm.weight_hh_l{layer}"] for layer in range(1, layers)]
    return [["lstm.weight_hh_l0"], *above, ["output.weight"]]


def steps(weight: Tensor) -> Tensor:
    """Returns the step of each row of a float32 matrix, (N,): the difference of two weights whose q differ by 1.

    It is max|row| / 127. Of the float32 weights q * step, the steps and q are the same again, which tests compare: 127
    times the step rounds to max|row|, or to a number whose 127th part rounds to the step.
    """
    step = weight.abs().amax(dim=1) / H_SCALE
    return torch.where(step > 0, step, torch.ones_like(step))


@dataclass(frozen=True)
class QuantizedMatrix:
    """A matrix in 8 bits with one scale per row."""

    q: Tensor  # (N, K) int8, in [-127, 127]
    scale: Tensor  # (N,) float32: the factor that turns a sum of products of q with 127 h into float

    @classmethod
    def quantize(cls, weight: Tensor) -> QuantizedMatrix:
        """Quantizes a float32 matrix: q = round(w / s), s = max|row| / 127, half to even."""
        step = steps(weight)
        q = torch.round(weight / step[:, None]).clamp_(-127, 127).to(torch.int8)
        return cls(q, step / H_SCALE)

    def to(self, device: torch.device) -> QuantizedMatrix:
        """Returns a copy on a device."""
        return QuantizedMatrix(self.q.to(device), self.scale.to(device))


@dataclass(frozen=True, eq=False)
class Int8Weights:
    """The quantized weights of a network."""

    table: Tensor  # (V, 4H) float32: the input of the first layer for each character, biases included
    layers: list[QuantizedMatrix]  # L matrices (4H, K): of h in the first layer, of [h of the layer below | h] above it
    biases: list[Tensor]  # L - 1 of (4H,) float32, for the layers above the first
    output: QuantizedMatrix  # (V, H)
    output_bias: Tensor  # (V,) float32

    @classmethod
    def quantize(cls, network: LSTMNetwork, blocked: int | None = None) -> Int8Weights:
        """Quantizes the weights of a network; the character with the id `blocked` gets the logit `NEVER`."""
        floats = {name: tensor.detach().float().cpu() for name, tensor in network.state_dict().items()}
        layers = network.config.num_layers
        *matrices_of_layers, output = (
            QuantizedMatrix.quantize(torch.cat([floats[name] for name in names], dim=1)) for names in matrices(layers)
        )
        output_bias = floats["output.bias"]
        if blocked is not None:
            output_bias = output_bias.clone()
            output_bias[blocked] = NEVER
        biases = [floats[f"lstm.bias_ih_l{layer}"] + floats[f"lstm.bias_hh_l{layer}"] for layer in range(1, layers)]
        return cls(_input_table(floats), matrices_of_layers, biases, output, output_bias)

    def to(self, device: torch.device) -> Int8Weights:
        """Returns a copy on a device."""
        return Int8Weights(
            self.table.to(device),
            [layer.to(device) for layer in self.layers],
            [bias.to(device) for bias in self.biases],
            self.output.to(device),
            self.output_bias.to(device),
        )


def _input_table(floats: Mapping[str, Tensor]) -> Tensor:
    """Returns W_ih · E + b_ih + b_hh of every character, summed in float64 in this order, rounded to float32 once."""
    names = ("embedding.weight", *(f"lstm.{name}_l0" for name in ("weight_ih", "bias_ih", "bias_hh")))
    vectors, weight, bias_ih, bias_hh = (floats[name].double().numpy() for name in names)
    columns = np.ascontiguousarray(weight.T)
    table = np.empty((len(vectors), len(weight)), np.float32)
    for start in range(0, len(vectors), _TABLE_ROWS):
        rows = vectors[start : start + _TABLE_ROWS]
        total = np.zeros((len(rows), len(weight)))
        product = np.empty_like(total)
        for left, right in zip(rows.T, columns, strict=True):
            np.multiply(left[:, None], right, out=product)  # exact: of float32s in float64; only the sum is rounded
            total += product
        table[start : start + _TABLE_ROWS] = total + bias_ih + bias_hh
    return torch.from_numpy(table)


def integer_h(h: Tensor) -> Tensor:
    """Returns h as int8, round(127 h) half to even, from float in [-1, 1]; the inverse of `float_h`."""
    return torch.round(h.float() * H_SCALE).to(torch.int8)


def float_h(h: Tensor) -> Tensor:
    """Returns h as float32, as in an `LSTMState`, from int8."""
    return h.float() / H_SCALE


def exact_product(x: Tensor, matrix: QuantizedMatrix) -> Tensor:
    """Returns x (B, K) int8 times q transposed, (B, N) int32, exact. Float32 is used only where it cannot round."""
    parts = zip(torch.split(x, _EXACT_COLUMNS, dim=1), torch.split(matrix.q, _EXACT_COLUMNS, dim=1), strict=True)
    return reduce(torch.add, ((columns.float() @ q.float().T).to(torch.int32) for columns, q in parts))


def lookup(table: Tensor, x: Tensor) -> Tensor:
    """Returns the tabulated function at x float32: the nearest entry, half to even; beyond [-8, 8] the last one."""
    index = torch.round((x.clamp(-TABLE_RANGE, TABLE_RANGE) + TABLE_RANGE) * TABLE_STEPS)
    return table[index.long()]


def gates(weights: Int8Weights, layer: int, ids: Tensor, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Returns the gates i, f, g, o of a layer, (B, H) float32 each.

    Args:
        weights: on the device of the other arguments.
        ids: (B,) int64, the characters that are read.
        x: (B, K) int8, h of this layer; above the first layer, h of the layer below after the step comes before it.
    """
    added = weights.table[ids] if layer == 0 else weights.biases[layer - 1]
    sums = exact_product(x, weights.layers[layer]).float() * weights.layers[layer].scale + added
    i, f, g, o = sums.chunk(4, dim=1)
    sigmoid, tanh = SIGMOID.to(sums.device), TANH.to(sums.device)
    return lookup(sigmoid, i), lookup(sigmoid, f), lookup(tanh, g), lookup(sigmoid, o)


def step(
    weights: Int8Weights, ids: Tensor, h: Tensor, c: Tensor, clamps: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Reads one character in each slot. Every operation is rounded separately; none is fused.

    Args:
        weights: on the device of the other arguments.
        ids: (B,) int64.
        h, c: (L, B, H), int8 and float32.
        clamps: (M, 4) float32: the layer, the position among the B, the cell and the value of each clamp.

    Returns:
        logits (B, V) float32, h and c after the character.
    """
    tanh, x = TANH.to(c.device), h[0]
    new_h: list[Tensor] = []
    new_c: list[Tensor] = []
    for layer in range(len(weights.layers)):
        if layer:
            x = torch.cat([new_h[-1], h[layer]], dim=1)
        i, f, g, o = gates(weights, layer, ids, x)
        kept = f * c[layer]
        let_in = i * g
        new_c.append(kept + let_in)
        if clamps is not None:
            _, rows, cells, values = clamps[clamps[:, 0] == layer].T
            new_c[-1][rows.long(), cells.long()] = values
        new_h.append(integer_h(o * lookup(tanh, new_c[-1])))
    logits = exact_product(new_h[-1], weights.output).float() * weights.output.scale + weights.output_bias
    return logits, torch.stack(new_h), torch.stack(new_c)
