"""int8 inference: all kernels give the same bits, and quantization increases the loss by almost nothing."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from model import PRETRAINED, CharLSTM, LSTMConfig, LSTMNetwork, LSTMState, SamplingParams
from model.backends.backend import Backend
from model.backends.float32 import Float32Backend
from model.backends.int8_products import compiled_product, numba_available, torch_product
from model.backends.numba_int8 import NumbaInt8Backend
from model.backends.torch_int8 import TorchInt8Backend
from model.int8 import sampling as sampler
from model.int8.weights import (
    SIGMOID,
    TANH,
    Int8Weights,
    QuantizedMatrix,
    exact_product,
    float_h,
    integer_h,
    lookup,
    step,
)
from tests.support.tiny_models import tiny_model

ROWS, VOCAB = 24, 37


@pytest.fixture(scope="module", params=[1, 2, 3])
def network(request: pytest.FixtureRequest) -> LSTMNetwork:
    torch.manual_seed(request.param)
    return LSTMNetwork(LSTMConfig(VOCAB, 12, 40, request.param)).eval().requires_grad_(False)


def some_params(generator: np.random.Generator) -> SamplingParams:
    return SamplingParams(
        temperature=float(generator.choice([0, 1e-300, 0.3, 1, 5])),
        top_k=int(generator.choice([0, 1, 4, 10**6])),
        top_p=float(generator.choice([1, 0.9, 0.2, 1e-12])),
        min_p=float(generator.choice([0, 0, 1e-9, 0.1, 1])),
        seed=0,
    )


def test_this_machine_has_the_numba_backend() -> None:
    assert numba_available()


def test_compiled_and_torch_agree_in_every_bit(network: LSTMNetwork) -> None:
    weights = Int8Weights.quantize(network)
    backends: list[Backend] = [NumbaInt8Backend(weights, ROWS), TorchInt8Backend(weights, ROWS)]
    generator = np.random.default_rng(5)
    for turn in range(60):
        rows = generator.permutation(ROWS)[: generator.integers(1, ROWS)].astype(np.int64)
        ids = generator.integers(0, VOCAB, len(rows))
        if turn % 3 == 0:
            for each in backends:
                each.prefill(rows, ids)
            continue
        params = [some_params(generator) for _ in rows]
        numbers = [[int(n)] for n in generator.integers(0, 2**64, len(rows), dtype=np.uint64)]
        one, other = (each.write(rows, ids, params, numbers) for each in backends)
        assert one == other
    for row in range(ROWS):
        left, right = (each.state(row) for each in backends)
        assert torch.equal(left.h, right.h)
        assert torch.equal(left.c, right.c)


@pytest.mark.parametrize("kind", [NumbaInt8Backend, TorchInt8Backend, Float32Backend])
def test_a_row_is_the_same_alone_and_in_a_batch(network: LSTMNetwork, kind: type) -> None:
    given = network if kind is Float32Backend else Int8Weights.quantize(network)
    crowd, alone = kind(given, ROWS), kind(given, 1)
    generator = np.random.default_rng(1)
    params = SamplingParams(temperature=1.0, seed=0)
    last = 0
    for _ in range(40):
        others = generator.permutation(np.arange(1, ROWS))[: generator.integers(0, ROWS - 1)]
        rows = np.concatenate([[0], others]).astype(np.int64)
        ids = np.concatenate([[last], generator.integers(0, VOCAB, len(others))]).astype(np.int64)
        number = int(generator.integers(0, 2**63))
        many = crowd.write(rows, ids, [params] * len(rows), [[number]] * len(rows))
        assert many[0] == alone.write(np.array([0]), np.array([last]), [params], [[number]])[0]
        (last,) = many[0]
    assert torch.equal(crowd.state(0).h, alone.state(0).h)
    assert torch.equal(crowd.state(0).c, alone.state(0).c)


@pytest.mark.parametrize("kind", [NumbaInt8Backend, TorchInt8Backend, Float32Backend])
def test_a_state_that_is_copied_out_and_back_is_the_same(network: LSTMNetwork, kind: type) -> None:
    backend = kind(network if kind is Float32Backend else Int8Weights.quantize(network), 3)
    for token in range(10):
        backend.prefill(np.array([1]), np.array([token]))
    state = backend.state(1)
    backend.load(2, state)
    backend.prefill(np.array([1, 2]), np.array([3, 3]))
    assert torch.equal(backend.state(1).h, backend.state(2).h)
    assert torch.equal(backend.state(1).c, backend.state(2).c)
    assert not torch.equal(state.c, backend.state(1).c)  # what was taken out does not change with the row


def test_h_converts_to_float_and_back_without_change() -> None:
    h = torch.arange(-127, 128, dtype=torch.int8)
    assert torch.equal(integer_h(float_h(h)), h)


def test_products_are_exact_at_their_largest() -> None:
    for columns in (1, 512, 1024, 2500):
        matrix = QuantizedMatrix(torch.full((8, columns), 127, dtype=torch.int8), torch.ones(8))
        for rows in (1, 3, 40):
            x = torch.full((rows, columns), -127, dtype=torch.int8)
            expected = torch.full((rows, 8), -127 * 127 * columns, dtype=torch.int32)
            assert torch.equal(exact_product(x, matrix), expected)
            assert torch.equal(torch.from_numpy(torch_product(x.numpy(), matrix)), expected)
            assert torch.equal(torch.from_numpy(compiled_product(x.numpy(), matrix)), expected)


def test_a_row_of_zeros_stays_zero() -> None:
    matrix = QuantizedMatrix.quantize(torch.tensor([[0.0, 0.0], [1.0, -0.5]]))
    assert matrix.q.tolist() == [[0, 0], [127, -64]]  # -63.5 rounds to the even neighbour
    assert torch.isfinite(matrix.scale).all()


def test_tables_are_near_their_functions_and_constant_outside() -> None:
    x = torch.linspace(-12, 12, 10_001)
    assert (lookup(SIGMOID, x) - torch.sigmoid(x)).abs().max() < 5.2e-4
    assert (lookup(TANH, x) - torch.tanh(x)).abs().max() < 2e-3
    assert lookup(TANH, torch.tensor([1e30])) == lookup(TANH, torch.tensor([8.0]))


def test_int8_weights_hardly_change_the_loss_of_the_bundled_model() -> None:
    lm = CharLSTM.from_pretrained(PRETRAINED)
    text = "The first rule: that no man speaks before the king has spoken. Shall we go?\n" * 8
    ids = torch.from_numpy(lm.tokenizer.encode(text, unknown="skip"))
    with torch.inference_mode():
        logits, _ = lm.network(ids[None])
    exact = float(F.cross_entropy(logits[0, :-1], ids[1:]))
    weights, config = Int8Weights.quantize(lm.network), lm.config
    h = torch.zeros(config.num_layers, 1, config.hidden_size, dtype=torch.int8)
    c = LSTMState.zeros(config).c
    total = 0.0
    for now, then in itertools.pairwise(ids):
        one, h, c = step(weights, now[None], h, c)
        total += float(F.cross_entropy(one, then[None]))
    assert abs(total / (len(ids) - 1) - exact) < 0.01


def test_float32_is_used_if_requested() -> None:
    assert isinstance(tiny_model().make_backend(1, "float32"), Float32Backend)
    assert isinstance(tiny_model().make_backend(1, "int8"), NumbaInt8Backend)


def test_the_compiled_draw_equals_the_samplers_draw_for_random_logits() -> None:
    from model.int8 import numba_sampling as compiled

    generator = np.random.default_rng(2)
    for _ in range(300):
        vocab = int(generator.integers(1, 60))
        logits = (generator.normal(size=(1, vocab)) * 10 ** float(generator.integers(-3, 4))).astype(np.float32)
        if generator.random() < 0.5:
            logits = np.round(logits)  # ties
        params, number = some_params(generator), int(generator.integers(0, 2**64, dtype=np.uint64))
        assert compiled.choose(logits, [params], [number]) == [sampler.choose(logits[0], params, number)]
