"""The learner of the browser, compared with PyTorch: gradients and the step of the optimizer.

`python -m tests.unit.web.learn.test_learner` builds web/learn/learner.wasm and learner-relaxed.wasm again.
"""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
import torch.nn.functional as F
import wasmtime

from model import LSTMConfig, LSTMNetwork, LSTMState
from training.learner.optimizers import AdamW, GatewiseMuon

FOLDER = Path(__file__).parents[4] / "web" / "learn"
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


SIZES = [
    (13, 8, 12, 1, 3, 5),
    (65, 64, 128, 1, 32, 64),
    (70, 16, 24, 2, 6, 9),
    (300, 32, 40, 2, 4, 7),
    (5, 4, 4, 1, 1, 1),
]


def copy_weights(learner: Learner, network: LSTMNetwork) -> None:
    for name, values in learner.parameters().items():
        values[...] = network.state_dict()[name].numpy()


def filled(*sizes: int, name: str = "learner.wasm") -> tuple[Learner, LSTMNetwork]:
    """Return a learner with random weights, characters and states, and a float64 network with the same weights."""
    vocab, embedding, cells, layers, _, _ = sizes
    torch.manual_seed(0)
    network = LSTMNetwork(LSTMConfig(vocab, embedding, cells, layers))
    learner = Learner(*sizes, name=name)
    copy_weights(learner, network)
    random = np.random.default_rng(0)
    learner.ids[...] = random.integers(0, vocab, learner.ids.shape)
    learner.state[...] = random.normal(0, 0.5, learner.state.shape)
    return learner, network.double()


def expected(learner: Learner, network: LSTMNetwork) -> tuple[float, LSTMState]:
    """Return the mean loss of the window, with its gradient in the network, and the state after it."""
    ids = torch.from_numpy(learner.ids.T.astype(np.int64))
    state = torch.from_numpy(learner.state.copy()).double()
    logits, after = network(ids[:, :-1], LSTMState(state[:, 0], state[:, 1]))
    loss = F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
    loss.backward()
    return float(loss.detach()), after


def relative_error(found: np.ndarray, wanted: torch.Tensor | np.ndarray) -> float:
    wanted = np.asarray(wanted)
    return float(np.abs(found - wanted).max() / np.abs(wanted).max())


@pytest.mark.parametrize("name", VARIANTS)
def test_the_committed_modules_are_those_of_the_sources(name: str) -> None:
    assert (FOLDER / name).read_bytes() == build(name)


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("sizes", SIZES)
def test_gradients_are_those_of_torch(sizes: tuple[int, ...], name: str) -> None:
    learner, network = filled(*sizes, name=name)
    loss, after = expected(learner, network)
    found = learner.call("gradients", 1, 0, 0.0, 0.0, 0.0, 0.0)
    assert found / (learner.rows * learner.steps) == pytest.approx(loss, rel=1e-6)
    for parameter, gradient in learner.parameters("gradient").items():
        wanted = network.get_parameter(parameter).grad
        assert wanted is not None
        assert relative_error(gradient, wanted) < 1e-5, parameter
    assert relative_error(learner.state[:, 0], after.h.detach()) < 1e-5
    assert relative_error(learner.state[:, 1], after.c.detach()) < 1e-5


def test_gradients_under_dropout_are_those_of_the_loss() -> None:
    """Each gradient equals the slope of the loss in a random direction, with the same masks."""
    rates = (0.0, 0.3, 0.4, 0.2)
    learner, _ = filled(20, 8, 16, 2, 4, 6)
    state = learner.state.copy()
    random = np.random.default_rng(1)

    def loss() -> float:
        learner.state[...] = state
        return float(learner.call("gradients", 5, 2, *rates)) / (learner.rows * learner.steps)

    loss()
    for name, gradient in learner.parameters("gradient").items():
        direction = random.choice([-1.0, 1.0], gradient.shape).astype(np.float32) * np.float32(1e-3)
        slope, weights = float((gradient * direction).sum()), learner.parameters()[name]
        before = weights.copy()
        weights[...] = before + direction
        above = loss()
        weights[...] = before - direction
        below = loss()
        weights[...] = before
        loss()
        assert (above - below) / 2 == pytest.approx(slope, abs=2e-6), name


@pytest.mark.parametrize("sizes", [(65, 16, 128, 1), (20, 64, 384, 1), (20, 8, 24, 2), (20, 48, 12, 2)])
def test_updates_are_those_of_the_optimizers(sizes: tuple[int, ...]) -> None:
    learner, double = filled(*sizes, 2, 3)
    network = double.float()
    named = dict(network.named_parameters())
    matrices = {name: each for name, each in named.items() if name.startswith("lstm.weight")}
    optimizers: list[GatewiseMuon | AdamW] = [
        GatewiseMuon(matrices, 0.05, weight_decay=0.1, dtype=torch.float32),
        AdamW({name: each for name, each in named.items() if name not in matrices}, 0.01, weight_decay=0.1),
    ]
    random = np.random.default_rng(2)
    average = {name: each.detach().clone() for name, each in named.items()}
    for number in range(1, 6):
        share = number / 5
        for name, gradient in learner.parameters("gradient").items():
            gradient[...] = random.normal(0, 1e-3, gradient.shape)
            named[name].grad = torch.from_numpy(gradient.copy())
        norm = torch.nn.utils.clip_grad_norm_(network.parameters(), 0.05)
        for optimizer in optimizers:
            optimizer.step(share, number)
        decay = min(0.9, number / (number + 9)) if number > 1 else 0.0
        for name, each in named.items():
            average[name].lerp_(each.detach(), 1 - decay)
        found = learner.call("update", number, 0.05 * share, 0.01 * share, 0.1, 0.9, 0.05)
        assert found == pytest.approx(float(norm), rel=1e-5)
    for name, weights in learner.parameters().items():
        np.testing.assert_allclose(weights, named[name].detach(), rtol=0, atol=2e-5, err_msg=name)
    for name, weights in learner.parameters("average").items():
        np.testing.assert_allclose(weights, average[name], rtol=0, atol=2e-5, err_msg=name)


def test_too_large_a_learner_is_refused() -> None:
    with pytest.raises(AssertionError, match="not enough memory"):
        Learner(60_000, 64, 16_384, 2, 64, 64)


if __name__ == "__main__":
    for variant in VARIANTS:
        (FOLDER / variant).write_bytes(build(variant))
