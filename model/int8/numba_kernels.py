"""The loops of `weights` and `sampling` compiled by numba.

They do the same operations in the same order; tests compare every bit with the plain versions. They release the GIL
while they run, and numba caches the machine code, so only the first start compiles.

Shapes: B rows, V vocabulary, H hidden, N and K rows and columns of a matrix.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from ..settings import SamplingParams
from .sampling import POWERS, STEPS_PER_NAT, fixed_point

Array = npt.NDArray[Any]
_RANGE = np.float32(8.0)
_STEPS = np.float32(256.0)
_H = np.float32(127.0)
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_ALL = 2**31  # as top_k: more than any vocabulary has


def _compile(function: Callable[..., None]) -> Callable[..., None]:
    # No fastmath: a fused multiply-add rounds once where the definition rounds twice.
    try:
        return njit(nogil=True, cache=True)(function)
    except RuntimeError:  # no folder that the machine code can be cached in: every process compiles it
        return njit(nogil=True)(function)


def choose(logits: npt.NDArray[np.float32], params: list[SamplingParams], numbers: list[int]) -> list[int]:
    """Returns the next character of each row, as `sampling.choose` draws it.

    Args:
        logits: (B, V) float32.
        params: B, the sampling parameters of each row.
        numbers: B random numbers in [0, 2^64).
    """
    chosen = np.empty(len(logits), np.int64)
    _choose(
        logits,
        np.array([each.temperature for each in params], np.float64),
        np.array([min(each.top_k, _ALL) for each in params], np.int64),
        np.array([fixed_point(each.top_p) for each in params], np.uint64),
        np.array([fixed_point(each.min_p) for each in params], np.int64),
        np.array(numbers, np.uint64),
        POWERS,
        STEPS_PER_NAT,
        chosen,
    )
    return chosen.tolist()


@_compile
def product(x: Array, q: Array, out: Array) -> None:
    """Computes out (B, N) int32 = x (B, K) int16 times q (N, K) int8 transposed."""
    for row in range(x.shape[0]):
        for n in range(q.shape[0]):
            total = np.int32(0)
            for k in range(q.shape[1]):
                total += np.int32(q[n, k]) * np.int32(x[row, k])
            out[row, n] = total


@_compile
def cells(
    sums: Array,
    scale: Array,
    added: Array,
    which: Array,
    clamps: Array,
    sigmoid: Array,
    tanh: Array,
    c: Array,
    h: Array,
) -> None:
    """Updates one layer's c and h in place.

    sums (B, 4H) int32, scale (4H,), added (N, 4H) of which row which[b] is used, clamps (M, 3) float32: row, cell
    and value of each, c (B, H) float32 before and after, h (B, H) int8 after.
    """
    rows, hidden = c.shape
    entries = np.empty(4 * hidden, dtype=np.int32)
    for row in range(rows):
        bias = added[which[row]]
        for j in range(4 * hidden):
            x = np.float32(sums[row, j]) * scale[j] + bias[j]
            x = min(max(x, -_RANGE), _RANGE)
            entries[j] = np.int32(np.rint((x + _RANGE) * _STEPS))
        for j in range(hidden):
            kept = sigmoid[entries[hidden + j]] * c[row, j]
            let_in = sigmoid[entries[j]] * tanh[entries[2 * hidden + j]]
            c[row, j] = kept + let_in
        for m in range(len(clamps)):
            if clamps[m, 0] == row:
                c[row, np.int64(clamps[m, 1])] = clamps[m, 2]
        for j in range(hidden):
            x = min(max(c[row, j], -_RANGE), _RANGE)
            shown = tanh[np.int32(np.rint((x + _RANGE) * _STEPS))]
            h[row, j] = np.int8(np.rint(sigmoid[entries[3 * hidden + j]] * shown * _H))


@_compile
def scaled(sums: Array, scale: Array, bias: Array, out: Array) -> None:
    """Computes out (B, N) float32 = sums (B, N) int32 · scale (N,) + bias (N,), rounded after each operation."""
    for row in range(sums.shape[0]):
        for n in range(sums.shape[1]):
            out[row, n] = np.float32(sums[row, n]) * scale[n] + bias[n]


@_compile
def _choose(
    logits: Array,
    temperature: Array,
    top_k: Array,
    top_p: Array,
    min_p: Array,
    number: Array,
    powers: Array,
    steps_per_nat: float,
    out: Array,
) -> None:
    """Writes the chosen ids to out (B,) int64.

    logits (B, V) float32, temperature (B,) float64, top_k (B,) int64, top_p (B,) uint64 and min_p (B,) int64 in units
    of 2^-32, number (B,) uint64, powers (4096,) int64.
    """
    rows, vocab = logits.shape
    steps = len(powers)
    weight = np.empty(vocab, dtype=np.int64)
    for row in range(rows):
        best = 0
        for v in range(1, vocab):
            if logits[row, v] > logits[row, best]:
                best = v
        if temperature[row] == 0.0:
            out[row] = best
            continue
        most = np.float64(logits[row, best])
        for v in range(vocab):
            exponent = np.rint((np.float64(logits[row, v]) - most) / temperature[row] * steps_per_nat)
            e = np.int64(max(exponent, -64.0 * steps))
            weight[v] = powers[e & (steps - 1)] >> min(-(e >> 12), 63)
        if 0 < top_k[row] < vocab or top_p[row] < np.uint64(1) << _HALF:
            _restrict(weight, top_k[row], top_p[row])
        total = np.int64(0)
        for v in range(vocab):
            if 2 * weight[v] < min_p[row]:
                weight[v] = 0
            total += weight[v]
        target = np.int64(_high(np.uint64(total), number[row]))
        running = np.int64(0)
        for v in range(vocab):
            running += weight[v]
            if running > target:
                out[row] = v
                break


@_compile
def _restrict(weight: Array, top_k: Any, top_p: Any) -> None:
    """Sets to zero the weights that top-k and then top-p remove; of equal weights the higher id is removed first."""
    order = np.argsort(-weight, kind="mergesort")
    count = top_k if 0 < top_k < len(weight) else len(weight)
    total = np.int64(0)
    for place in range(count):
        total += weight[order[place]]
    # total · p / 2^32 within 64 bits: p is at most 2^32 and total below 2^53.
    high, low = np.uint64(total) >> _HALF, np.uint64(total) & _LOW
    enough = max(np.int64(1), np.int64(high * top_p + ((low * top_p) >> _HALF)))
    running = np.int64(0)
    for place in range(len(weight)):
        if place >= count or running >= enough:
            weight[order[place]] = 0
        else:
            running += weight[order[place]]


@njit
def _high(a: Any, b: Any) -> Any:
    """Returns the upper 64 bits of the 128-bit product of two 64-bit numbers."""
    a_high, a_low, b_high, b_low = a >> _HALF, a & _LOW, b >> _HALF, b & _LOW
    middle = a_high * b_low + ((a_low * b_low) >> _HALF)
    other = a_low * b_high + (middle & _LOW)
    return a_high * b_high + (middle >> _HALF) + (other >> _HALF)
