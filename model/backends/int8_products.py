"""Exact products of int8 matrices on a CPU, the fastest that this machine has; and whether numba works here.

Before a fast product is used, it is compared with the exact one on the largest numbers that can occur.

Shapes: B rows of x, K columns, N rows of the matrix.
"""

from __future__ import annotations

import importlib.util
import logging
import os
from collections.abc import Callable
from functools import cache

import numpy as np
import numpy.typing as npt
import torch

from ..int8.weights import QuantizedMatrix, exact_product

log = logging.getLogger("char-lstm")

Int8s = npt.NDArray[np.int8]
Int32s = npt.NDArray[np.int32]
Product = Callable[[Int8s, QuantizedMatrix], Int32s]
_PLAIN_ROWS = 2  # with more rows, torch's products are faster than the plain loop
_AMX_ROWS = 32  # with more rows, torch is faster: it uses the matrix unit, with 16 times as many products in a cycle


@cache
def numba_available() -> bool:
    """Returns whether numba is installed and exact here. The environment variable CHAR_LSTM_COMPILE=0 disables it."""
    if os.environ.get("CHAR_LSTM_COMPILE") == "0" or importlib.util.find_spec("numba") is None:
        return False
    try:
        _check_exact(compiled_product, 80, 70)
    except Exception as error:
        log.warning("numba is not used, so text is generated several times as slowly: %s", error, exc_info=error)
        return False
    return True


@cache
def instruction_kind() -> int:
    """Returns the position in `numba_kernels.INSTRUCTIONS` of the fastest instruction that this processor has."""
    from ..int8 import numba_kernels

    return numba_kernels.supported(numba_kernels.features())[-1]


@cache
def most_compiled_rows() -> int:
    """Returns the largest number of rows for which the compiled loops are faster than torch's products."""
    from ..int8 import numba_kernels

    if not numba_kernels.INSTRUCTIONS[instruction_kind()].intrinsic:
        return _PLAIN_ROWS
    return _AMX_ROWS if "+amx-int8" in numba_kernels.features().split(",") else 2**31


def torch_product(x: Int8s, matrix: QuantizedMatrix) -> Int32s:
    """Returns x · qᵀ, (B, K) int8 to (B, N) int32, exact, by torch: with its int8 product where that is exact."""
    multiply = _torch_product if _torch_is_exact(*matrix.q.shape) else _float_product
    return multiply(x, matrix)


@cache
def _torch_is_exact(rows: int, columns: int) -> bool:
    """Returns whether torch's int8 product is exact for a matrix of this shape.

    torch._int_mm is private, and some of the libraries below it add pairs of products in 16 bits, which overflow on
    processors without integer dot products.
    """
    try:
        _check_exact(_torch_product, rows, columns)
    except Exception:  # noqa: BLE001  the function may be gone, may refuse the shape or may be wrong
        return False
    return True


def compiled_product(x: Int8s, matrix: QuantizedMatrix) -> Int32s:
    """Returns x · qᵀ, (B, N) int32, by the compiled loops."""
    from ..int8 import numba_kernels

    kind = instruction_kind()
    rows, columns = numba_kernels.padded_shape(kind, *matrix.q.shape)
    packed, start = numba_kernels.pack(kind, matrix.q.numpy())
    out, padded = np.empty((len(x), rows), np.int32), np.zeros((len(x), columns), np.int16)
    numba_kernels.fill(kind, x, 0, padded)
    numba_kernels.product(kind, packed, start, padded, out)
    return out[:, : len(matrix.q)]


def _torch_product(x: Int8s, matrix: QuantizedMatrix) -> Int32s:
    result: Int32s = torch._int_mm(torch.from_numpy(x), matrix.q.T).numpy()
    return result


def _float_product(x: Int8s, matrix: QuantizedMatrix) -> Int32s:
    result: Int32s = exact_product(torch.from_numpy(x), matrix).numpy()
    return result


def _check_exact(multiply: Product, rows: int, columns: int) -> None:
    """Raises ArithmeticError unless a product is exact for the largest and for random numbers, and for 1 to 33 rows."""
    generator = np.random.default_rng(0)
    q = generator.integers(-127, 128, (rows, columns), dtype=np.int8)
    q[: rows // 2] = 127
    q[: rows // 4, ::2] = -127
    matrix = QuantizedMatrix(torch.from_numpy(q), torch.ones(rows))
    for batch in (1, 2, 7, 33):
        x = generator.integers(-127, 128, (batch, columns), dtype=np.int8)
        x[0] = 127
        x[-1, 1::2] = -127
        if not np.array_equal(multiply(x, matrix), _float_product(x, matrix)):
            raise ArithmeticError("an int8 product is not exact on this machine")
