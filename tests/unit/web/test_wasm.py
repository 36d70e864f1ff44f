"""The WebAssembly of the worker: the committed bytes are what the committed text says, and its sums are exact."""

from pathlib import Path
from typing import Any

import numpy as np
import wasmtime

WEB = Path(__file__).parents[3] / "web"


class Product:
    """product.wasm with a memory of its own, outside of any browser."""

    def __init__(self) -> None:
        self.store = wasmtime.Store()
        module = wasmtime.Module(self.store.engine, (WEB / "worker" / "product.wasm").read_bytes())
        self.memory = wasmtime.Memory(self.store, wasmtime.MemoryType(wasmtime.Limits(64, None)))
        self.function: Any = wasmtime.Instance(self.store, module, [self.memory]).exports(self.store)["product"]

    def __call__(self, q: np.ndarray, x: np.ndarray) -> np.ndarray:
        (rows, columns), start = q.shape, 2 * x.size
        out = -(-(start + q.size) // 16) * 16
        self.memory.write(self.store, x.astype("<i2").tobytes(), 0)
        self.memory.write(self.store, q.tobytes(), start)
        self.function(self.store, 0, start, out, rows, columns)
        return np.frombuffer(self.memory.read(self.store, out, out + 4 * rows), "<i4")


def test_the_bytes_are_those_of_the_text() -> None:
    folder = WEB / "worker"
    assert (folder / "product.wasm").read_bytes() == wasmtime.wat2wasm((folder / "product.wat").read_text())


def test_sums_are_exact_up_to_the_largest_there_can_be() -> None:
    """Two layers of 8,192 cells are the most that a config may ask for."""
    product, random = Product(), np.random.default_rng(1)
    cases = [
        (random.integers(-127, 128, shape, dtype=np.int8), random.integers(-127, 128, shape[1], dtype=np.int16))
        for shape in ((4, 8), (68, 512))
    ]
    cases += [(np.full((4, 2 * 8192), 127, np.int8), np.full(2 * 8192, sign * 127, np.int16)) for sign in (1, -1)]
    for q, x in cases:
        assert product(q, x).tolist() == (q.astype(np.int64) @ x.astype(np.int64)).tolist()
