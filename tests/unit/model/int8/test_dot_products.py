"""Each instruction that this processor has gives the same bits, and none is chosen that a processor lacks."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from model import LSTMConfig, LSTMNetwork, SamplingParams, generate
from model.backends import int8_products
from model.backends.numba_int8 import NumbaInt8Backend
from model.int8 import dot_products, numba_kernels, numba_sampling
from model.int8.dot_products import INSTRUCTIONS, choose_kind, pack, padded_shape, supported
from model.int8.weights import Int8Weights, QuantizedMatrix, exact_product
from tests.support.tiny_models import tiny_model
from tests.unit.model.int8.test_vectors import VECTORS, vectors

HERE = supported(numba_kernels.features())
NAMES = [INSTRUCTIONS[kind].name for kind in HERE]


@pytest.mark.parametrize("kind", HERE, ids=NAMES)
def test_products_are_exact_for_every_shape_and_number_of_rows(kind: int) -> None:
    generator = np.random.default_rng(3)
    shapes = [(1, 1), (65, 512), (2048, 3), (63, 130), (64, 257), *generator.integers(1, 300, (12, 2)).tolist()]
    for rows, columns in shapes:
        q = generator.integers(-127, 128, (rows, columns), dtype=np.int8)
        matrix = QuantizedMatrix(torch.from_numpy(q), torch.ones(rows))
        for batch in (1, 2, 3, 4, 5, 6, 7, 11):
            x = generator.integers(-127, 128, (batch, columns), dtype=np.int8)
            expected = exact_product(torch.from_numpy(x), matrix)
            assert torch.equal(torch.from_numpy(int8_products.compiled_product(x, matrix, kind)), expected)


@pytest.mark.parametrize("kind", HERE, ids=NAMES)
@pytest.mark.parametrize("sign", [1, -1])
def test_products_are_exact_at_their_largest(kind: int, sign: int) -> None:
    """Instructions that add pairs of products in 16 bits overflow here."""
    for columns in (1, 512, 1024, 2500):
        matrix = QuantizedMatrix(torch.full((70, columns), 127, dtype=torch.int8), torch.ones(70))
        x = np.full((5, columns), sign * 127, np.int8)
        assert (int8_products.compiled_product(x, matrix, kind) == sign * 127 * 127 * columns).all()


@pytest.mark.parametrize("kind", HERE, ids=NAMES)
def test_every_instruction_reproduces_the_vectors(kind: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.backends.numba_int8.instruction_kind", lambda: kind)
    assert vectors() == json.loads(VECTORS.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("hidden", "layers"), [(1, 1), (7, 2), (33, 3), (130, 2)])
def test_every_instruction_writes_the_same_text_from_the_same_states(hidden: int, layers: int) -> None:
    torch.manual_seed(hidden)
    network = LSTMNetwork(LSTMConfig(29, 8, hidden, layers)).eval().requires_grad_(False)
    weights, generator = Int8Weights.quantize(network), np.random.default_rng(hidden)
    backends = [NumbaInt8Backend(weights, 9, kind) for kind in HERE]
    params = [SamplingParams(temperature=0.9, top_k=each, seed=0) for each in range(9)]
    for _ in range(10):
        slots = generator.permutation(9)[: generator.integers(1, 9)]
        ids = generator.integers(0, 29, len(slots))
        numbers = [[int(n) for n in row] for row in generator.integers(0, 2**64, (len(slots), 5), dtype=np.uint64)]
        texts = [each.write(slots, ids, params[: len(slots)], numbers) for each in backends]
        assert all(text == texts[0] for text in texts)
        for slot in range(9):
            first, *others = [each.state(slot) for each in backends]
            assert all(torch.equal(first.h, each.h) and torch.equal(first.c, each.c) for each in others)


def test_an_instruction_is_chosen_only_if_the_processor_has_all_that_it_needs() -> None:
    assert supported("") == supported("+sse2,-avx2,-avx512f") == (0,)
    for kind, each in enumerate(INSTRUCTIONS[1:], 1):
        assert choose_kind(",".join(f"+{feature}" for feature in each.needs)) == kind
        for missing in each.needs:
            features = ",".join(f"{'-' if feature == missing else '+'}{feature}" for feature in each.needs)
            assert kind not in supported(features)


def test_an_instruction_that_the_processor_lacks_cannot_be_named() -> None:
    assert choose_kind("+avx2", "avx2") == 1
    assert choose_kind("+avx2", "plain") == 0
    with pytest.raises(ValueError, match=r"^CHAR_LSTM_INSTRUCTION is 'avx512bw': this processor can use plain, avx2$"):
        choose_kind("+avx2", "avx512bw")


@pytest.fixture
def asked_again() -> Iterator[None]:
    """Forgets what was found out about numba, before and after a test."""
    for function in (int8_products.numba_available, int8_products.instruction_kind):
        function.cache_clear()
    yield
    for function in (int8_products.numba_available, int8_products.instruction_kind):
        function.cache_clear()


@pytest.mark.usefixtures("asked_again")
def test_an_instruction_that_does_not_exist_is_refused_by_a_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was ignored: text was generated by torch, a tenth as fast, without a word."""
    monkeypatch.setenv("CHAR_LSTM_INSTRUCTION", "nonsense")
    with pytest.raises(ValueError, match=r"^CHAR_LSTM_INSTRUCTION is 'nonsense': this processor can use plain"):
        generate(tiny_model(), "a", 3)


@pytest.mark.usefixtures("asked_again")
def test_a_fault_of_numba_is_logged_once(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def broken(*_arguments: object) -> None:
        raise OSError("no compiler")

    monkeypatch.setattr(numba_kernels, "product", broken)
    texts = [generate(tiny_model(), "a", 30, seed=1) for _ in range(2)]
    monkeypatch.undo()
    int8_products.numba_available.cache_clear()
    assert texts == [generate(tiny_model(), "a", 30, seed=1)] * 2
    (record,) = caplog.records
    assert record.getMessage() == "numba is not used, so text is generated several times as slowly: no compiler"


def test_a_packed_matrix_has_every_number_once() -> None:
    generator = np.random.default_rng(0)
    q = generator.integers(-127, 128, (100, 51), dtype=np.int8)
    for kind in range(len(INSTRUCTIONS)):
        packed, start = pack(kind, q)
        rows, columns = padded_shape(kind, 100, 51)
        assert (packed.size, start.size) == (rows * columns, rows)
        assert np.array_equal(np.sort(packed[packed != 0]), np.sort(q[q != 0]))


def test_a_change_of_a_compiled_function_compiles_those_that_call_it() -> None:
    """numba looks only at the file of the outer function to see whether its cached machine code is out of date."""
    sources = [
        re.sub(r"\s+", " ", Path(str(each.__file__)).read_text("utf-8")) for each in (dot_products, numba_sampling)
    ]
    assert zlib.crc32("".join(sources).encode()) == numba_kernels.CHECKSUM
