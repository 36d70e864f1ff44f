"""The draw of `sampling` as loops that numba compiles.

The loops do the operations of `sampling` in the same order; tests compare every bit.

Shapes: B rows, V vocabulary.
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
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_ALL = 2**31  # as top_k: more than any vocabulary has
_ID_BITS = 24  # of a sort key below the weight, which has 32
_MAX_ID = 2**_ID_BITS - 1


def compiled(function: Callable[..., None]) -> Callable[..., None]:
    """Compiles a function that releases the GIL while it runs. The machine code is cached on disk if possible."""
    # No fastmath: a fused multiply-add rounds once where the definition rounds twice.
    try:
        return njit(nogil=True, cache=True)(function)
    except RuntimeError:  # no folder that the machine code can be cached in: every process compiles it
        return njit(nogil=True)(function)


def settings(params: list[SamplingParams]) -> npt.NDArray[np.float64]:
    """Returns temperature, top-k, top-p and min-p of B rows, (B, 4) float64; the last two in units of 2^-32."""
    return np.array(
        [(each.temperature, min(each.top_k, _ALL), fixed_point(each.top_p), fixed_point(each.min_p)) for each in params]
    )


def choose(logits: npt.NDArray[np.float32], params: list[SamplingParams], numbers: list[int]) -> list[int]:
    """Returns the next character of each row, as `sampling.choose` draws it.

    Args:
        logits: (B, V) float32.
        params: B, the sampling parameters of each row.
        numbers: B random numbers in [0, 2^64).
    """
    chosen = np.empty(len(logits), np.int64)
    draw(logits, settings(params), np.array(numbers, np.uint64), POWERS, chosen)
    return chosen.tolist()


@compiled
def draw(logits: Array, params: Array, numbers: Array, powers: Array, out: Array) -> None:
    """Writes the chosen ids to out (B,) int64.

    logits (B, V) float32, params (B, 4) from `settings`, numbers (B,) uint64, powers (4096,) int64.
    """
    rows, vocab = logits.shape
    steps = len(powers)
    weight = np.empty(vocab, dtype=np.int64)
    for row in range(rows):
        temperature, top_k = params[row, 0], np.int64(params[row, 1])
        top_p, min_p = np.uint64(params[row, 2]), np.int64(params[row, 3])
        best = 0
        for v in range(1, vocab):
            if logits[row, v] > logits[row, best]:
                best = v
        if temperature == 0.0:
            out[row] = best
            continue
        most = np.float64(logits[row, best])
        for v in range(vocab):
            exponent = np.rint((np.float64(logits[row, v]) - most) / temperature * STEPS_PER_NAT)
            e = np.int64(max(exponent, -64.0 * steps))
            weight[v] = powers[e & (steps - 1)] >> min(-(e >> 12), 63)
        if 0 < top_k < vocab or top_p < np.uint64(1) << _HALF:
            _restrict(weight, top_k, top_p)
        total = np.int64(0)
        for v in range(vocab):
            if 2 * weight[v] < min_p:
                weight[v] = 0
            total += weight[v]
        target = np.int64(_high(np.uint64(total), numbers[row]))
        running = np.int64(0)
        for v in range(vocab):
            running += weight[v]
            if running > target:
                out[row] = v
                break


@compiled
def _restrict(weight: Array, top_k: Any, top_p: Any) -> None:
    """Sets to zero the weights that top-k and then top-p remove; of equal weights the higher id is removed first."""
    keys = np.empty(len(weight), np.int64)
    for v in range(len(weight)):
        keys[v] = (weight[v] << _ID_BITS) + _MAX_ID - v
    _sort(keys)
    count = top_k if 0 < top_k < len(weight) else len(weight)
    total = np.int64(0)
    for key in keys[:count]:
        total += key >> _ID_BITS
    # total · p / 2^32 within 64 bits: p is at most 2^32 and total below 2^53.
    high, low = np.uint64(total) >> _HALF, np.uint64(total) & _LOW
    enough = max(np.int64(1), np.int64(high * top_p + ((low * top_p) >> _HALF)))
    running = np.int64(0)
    for place in range(len(keys)):
        if place >= count or running >= enough:
            weight[_MAX_ID - (keys[place] & _MAX_ID)] = 0
        else:
            running += keys[place] >> _ID_BITS


@compiled
def _sort(keys: Array) -> None:
    """Sorts from the largest to the smallest by Shell's method, which compiles in a third of the time of np.argsort."""
    step = 1
    while 3 * step < len(keys):
        step = 3 * step + 1
    while step > 0:
        for at in range(step, len(keys)):
            key = keys[at]
            while at >= step and keys[at - step] < key:
                keys[at] = keys[at - step]
                at -= step
            keys[at] = key
        step //= 3


@njit
def _high(a: Any, b: Any) -> Any:
    """Returns the upper 64 bits of the 128-bit product of two 64-bit numbers."""
    a_high, a_low, b_high, b_low = a >> _HALF, a & _LOW, b >> _HALF, b & _LOW
    middle = a_high * b_low + ((a_low * b_low) >> _HALF)
    other = a_low * b_high + (middle & _LOW)
    return a_high * b_high + (middle >> _HALF) + (other >> _HALF)
