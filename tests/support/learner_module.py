"""The WebAssembly module of the learner: built from its C sources, and run outside of any browser.

`python -m tests.support.learner_module` builds web/learn/learner.wasm and learner-relaxed.wasm again.
"""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import wasmtime

from model import LSTMConfig, LSTMNetwork

FOLDER = Path(__file__).parents[2] / "web" / "learn"
VARIANTS = {"learner.wasm": [], "learner-relaxed.wasm": ["-mrelaxed-simd"]}
_FLAGS = ["-target", "wasm32-freestanding", "-O3", "-msimd128", "-mbulk-memory", "-nostdlib"]
_FLAGS += ["-Wl,--no-entry", "-Wl,--strip-all"]
_WARNINGS = ["-Wall", "-Wextra", "-Werror"]
# The fields of `Learner` in source/learner.c, 4 bytes each.
_OFFSETS, _COUNT, _WEIGHTS, _IDS, _STATE, _HELD_OUT_STATE = 9, 8, 20, 25, 26, 27
_KINDS = ("weights", "gradient", "average", "mean", "squares")

Floats = npt.NDArray[np.float32]


def build(name: str) -> bytes:
    """Return the module of a variant; the compiler is Clang, from the package ziglang."""
    sources = sorted(str(path) for path in (FOLDER / "source").glob("*.c"))
    with TemporaryDirectory() as folder:
        output = Path(folder) / name
        command = [sys.executable, "-m", "ziglang", "cc", *_FLAGS, *_WARNINGS, *VARIANTS[name], "-o", str(output)]
        subprocess.run([*command, *sources], check=True)
        return output.read_bytes()


class Learner:
    """A learner in wasmtime; its arrays are views of the module's memory.

    Args:
        sizes: vocabulary, embedding, cells, layers, rows and steps of a window.
        name: the variant.
    """

    def __init__(self, *sizes: int, name: str = "learner.wasm") -> None:
        self.vocab, self.embedding, self.cells, self.layers, self.rows, self.steps = sizes
        config = wasmtime.Config()
        config.wasm_simd = config.wasm_relaxed_simd = True
        self._store = wasmtime.Store(wasmtime.Engine(config))
        module = wasmtime.Module(self._store.engine, (FOLDER / name).read_bytes())
        self._exports: Any = wasmtime.Instance(self._store, module, []).exports(self._store)
        at = self.call("create", *sizes, self.rows, 0)  # this learner reads all rows of the batch, from the first on
        assert at, "there is not enough memory"
        self._fields = self._view(at, 28, np.uint32).copy()

    def call(self, name: str, *arguments: float) -> Any:
        """Call an exported function."""
        return self._exports[name](self._store, *arguments)

    def parameters(self, kind: str = "weights") -> dict[str, Floats]:
        """Return the weights, or as many gradients, averages, means or squares, by the names of `LSTMNetwork`."""
        start = int(self._fields[_WEIGHTS + _KINDS.index(kind)])
        network = LSTMNetwork(LSTMConfig(self.vocab, self.embedding, self.cells, self.layers))
        weights = sorted(network.named_parameters(), key=lambda each: each[0].startswith("lstm"))  # the module's order
        return {
            name: self._view(start + 4 * int(offset), weight.numel(), np.float32).reshape(weight.shape)
            for offset, (name, weight) in zip(self._fields[_OFFSETS:_WEIGHTS], weights, strict=False)
        }

    @property
    def ids(self) -> npt.NDArray[np.uint32]:
        """The characters of a window and the one after it, (T + 1, B)."""
        flat = self._view(int(self._fields[_IDS]), (self.steps + 1) * self.rows, np.uint32)
        return flat.reshape(self.steps + 1, self.rows)

    @property
    def state(self) -> Floats:
        """The state before the next window, (L, 2, B, H): h and c."""
        shape = (self.layers, 2, self.rows, self.cells)
        return self._view(int(self._fields[_STATE]), int(np.prod(shape)), np.float32).reshape(shape)

    def _view(self, at: int, count: int, dtype: type[np.generic]) -> npt.NDArray[Any]:
        memory = self._exports["memory"]
        whole = np.ctypeslib.as_array(memory.data_ptr(self._store), (memory.data_len(self._store),))
        return whole[at : at + 4 * count].view(dtype)


def main() -> int:
    """Write both variants."""
    for name in VARIANTS:
        (FOLDER / name).write_bytes(build(name))
        print(f"{FOLDER / name}: {(FOLDER / name).stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
