"""Exact products of int8 matrices on a CPU, the fastest that this machine has; and whether numba works here.

Each fast product is compared with the exact one on the largest numbers that can occur before it is used.

Shapes: B rows of x, K columns, N rows of the matrix.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from functools import cache

import numpy as np
import numpy.typing as npt
import torch

from ..int8.weights import QuantizedMatrix, exact_product

Int8s = npt.NDArray[np.int8]
Int32s = npt.NDArray[np.int32]
Product = Callable[[Int8s, QuantizedMatrix], Int32s]
# With so few rows, the compiled loop is faster: torch wakes a thread per core, for less work than that costs.
_FEW_ROWS = 2


@cache
def numba_available() -> bool:
    """Returns whether numba is installed and exact here. The environment variable CHAR_LSTM_COMPILE=0 disables it."""
    if os.environ.get("CHAR_LSTM_COMPILE") == "0" or importlib.util.find_spec("numba") is None:
        return False
    try:
        _check_exact(_compiled_product, 8, 64)
    except Exception:  # noqa: BLE001  a numba that fails, for whatever reason, must not keep the model from running
        return False
    return True


def product(matrix: QuantizedMatrix) -> Callable[[Int8s], Int32s]:
    """Returns the function x ↦ x · qᵀ, (B, K) int8 to (B, N) int32, exact and as fast as possible for every B."""

    def multiply(x: Int8s) -> Int32s:
        return (_product_of_many(*matrix.q.shape) if len(x) > _FEW_ROWS else _compiled_product)(x, matrix)

    return multiply


@cache
def _product_of_many(rows: int, columns: int) -> Product:
    """Returns torch's int8 product if it is exact for a matrix of this shape, else the one in float32.

    torch._int_mm is private, and some of the libraries below it add pairs of products in 16 bits, which overflow on
    processors without integer dot products.
    """
    try:
        _check_exact(_torch_product, rows, columns)
    except Exception:  # noqa: BLE001  the function may be gone, may refuse the shape or may be wrong
        return _float_product
    return _torch_product


def _compiled_product(x: Int8s, matrix: QuantizedMatrix) -> Int32s:
    from ..int8 import numba_kernels

    out = np.empty((len(x), len(matrix.q)), np.int32)
    numba_kernels.product(x.astype(np.int16), matrix.q.numpy(), out)
    return out


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
