"""All kernels give the same bits, whichever instruction they use, and none is chosen that a processor lacks."""

import json
from typing import Any

import numpy as np
import pytest
import torch
from numba import njit

from model import Clamp, SamplingParams, generate
from model.backends import backend
from model.backends.backend import TorchInt8Backend
from model.backends.numba_int8 import NumbaInt8Backend
from model.int8 import numba_kernels
from model.int8.numba_kernels import INSTRUCTIONS, supported
from model.int8.weights import Int8Weights, QuantizedMatrix, exact_product
from tests.support.tiny_models import tiny_network
from tests.unit.model.int8.test_vectors import VECTORS, vectors

HERE = supported(numba_kernels.features())
NAMES = [INSTRUCTIONS[kind].name for kind in HERE]
ROWS, VOCAB = 24, 37


@pytest.mark.parametrize("kind", HERE, ids=NAMES)
def test_products_are_exact_for_every_shape_and_number_of_rows(kind: int):
    generator = np.random.default_rng(3)
    shapes = [(1, 1), (65, 512), (8, 2500), (63, 130), (64, 257), *generator.integers(1, 300, (12, 2)).tolist()]
    for rows, columns in shapes:
        q = generator.integers(-127, 128, (rows, columns), dtype=np.int8)
        q[0] = 127  # instructions that add pairs of products in 16 bits overflow here
        matrix = QuantizedMatrix(torch.from_numpy(q), torch.ones(rows))
        for batch in (1, 2, 3, 4, 5, 6, 7, 11):
            x = generator.integers(-127, 128, (batch, columns), dtype=np.int8)
            x[0], x[-1] = 127, -127
            expected = x.astype(np.int64) @ q.T.astype(np.int64)
            assert np.array_equal(numba_kernels.product_of(kind, x, q), expected)
            assert np.array_equal(exact_product(torch.from_numpy(x), matrix).numpy(), expected)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [None, *HERE], ids=["torch", *NAMES])
def test_every_instruction_reproduces_the_vectors_and_so_does_torch_without_a_compiler(kind: int | None, monkeypatch):
    monkeypatch.setattr("model.backends.backend.numba_available", lambda: kind is not None)
    monkeypatch.setattr("model.int8.numba_kernels.fastest_kind", lambda: kind)
    assert vectors() == json.loads(VECTORS.read_text(encoding="utf-8"))


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_compiled_and_torch_agree_in_every_bit_with_clamps_or_without(layers: int):
    weights = Int8Weights.quantize(tiny_network(VOCAB, embedding=12, hidden=40, layers=layers, seed=layers))
    backends: list[Any] = [kind(weights, ROWS) for kind in (NumbaInt8Backend, TorchInt8Backend)]
    generator = np.random.default_rng(5)
    for turn in range(90):
        rows = generator.permutation(ROWS)[: generator.integers(1, ROWS)].astype(np.int64)
        ids = generator.integers(0, VOCAB, len(rows))
        params = [
            SamplingParams(
                temperature=float(generator.choice([0, 1e-300, 0.3, 1, 5])),
                top_k=int(generator.choice([0, 1, 4, 10**6])),
                top_p=float(generator.choice([1, 0.9, 0.2, 1e-12])),
                min_p=float(generator.choice([0, 0, 1e-9, 0.1, 1])),
            )
            for _ in rows
        ]
        numbers = [[int(n)] for n in generator.integers(0, 2**64, len(rows), dtype=np.uint64)]
        layer, value = int(generator.integers(layers)), float(generator.normal() * 3)
        clamps = [tuple(Clamp(layer, (cell + row) % 40, value) for cell in range(turn % 5)) for row in range(len(rows))]
        if turn % 3:
            one, other = (each.write(rows, ids, params, numbers, clamps) for each in backends)
            assert one == other
        else:
            for each in backends:
                each.prefill(rows, ids)
    for row in range(ROWS):
        one, other = (each.state(row) for each in backends)
        assert torch.equal(one.h, other.h)
        assert torch.equal(one.c, other.c)


def test_an_instruction_is_chosen_only_if_the_processor_has_all_that_it_needs():
    assert supported("") == supported("+sse2,-avx2,-avx512f") == (0,)
    for kind, each in enumerate(INSTRUCTIONS[1:], 1):
        assert supported(",".join(f"+{feature}" for feature in each.needs))[-1] == kind
        for missing in each.needs:
            features = ",".join(f"{'-' if feature == missing else '+'}{feature}" for feature in each.needs)
            assert kind not in supported(features)


def test_a_terminal_shows_once_that_the_kernels_are_compiled(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    fill: Any = numba_kernels.fill
    for _ in range(2):
        njit(nogil=True)(fill.py_func)(0, np.ones((1, 8), np.int8), 0, np.zeros((1, 8), np.int16))
    assert capsys.readouterr().err.count("Compiling the int8 kernels") == 1


def test_a_fault_of_numba_is_logged_once(lm, monkeypatch, caplog):
    def broken(*_arguments: object) -> None:
        raise OSError("no compiler")

    monkeypatch.setattr(numba_kernels, "product", broken)
    backend.numba_available.cache_clear()
    texts = [generate(lm, "a", 30, seed=1) for _ in range(2)]
    monkeypatch.undo()
    backend.numba_available.cache_clear()
    assert texts == [generate(lm, "a", 30, seed=1)] * 2
    (record,) = caplog.records
    assert record.getMessage() == "numba is not used, so text is generated several times as slowly: no compiler"
