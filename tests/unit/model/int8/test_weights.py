"""int8 inference: all kernels give the same bits, and quantization increases the loss by almost nothing."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from model import PRETRAINED, CharLSTM, Clamp, LSTMConfig, LSTMNetwork, LSTMState, SamplingParams
from model.backends.backend import Backend, choose
from model.backends.float32 import Float32Backend
from model.backends.int8_products import torch_product
from model.backends.numba_int8 import NumbaInt8Backend
from model.backends.torch_int8 import TorchInt8Backend
from model.int8 import sampling
from model.int8.weights import (
    Int8Weights,
    QuantizedMatrix,
    exact_product,
    step,
)

ROWS, VOCAB = 24, 37
KINDS = [NumbaInt8Backend, TorchInt8Backend, Float32Backend]


@pytest.fixture(scope="module", params=[1, 2, 3])
def network(request: pytest.FixtureRequest) -> LSTMNetwork:
    torch.manual_seed(request.param)
    return LSTMNetwork(LSTMConfig(VOCAB, 12, 40, request.param)).eval().requires_grad_(False)


def made(kind: Any, network: LSTMNetwork, slots: int) -> Backend:
    backend: Backend = kind(network if kind is Float32Backend else Int8Weights.quantize(network), slots)
    return backend


def same(one: LSTMState, other: LSTMState) -> bool:
    return torch.equal(one.h, other.h) and torch.equal(one.c, other.c)


def some_params(generator: np.random.Generator) -> SamplingParams:
    return SamplingParams(
        temperature=float(generator.choice([0, 1e-300, 0.3, 1, 5])),
        top_k=int(generator.choice([0, 1, 4, 10**6])),
        top_p=float(generator.choice([1, 0.9, 0.2, 1e-12])),
        min_p=float(generator.choice([0, 0, 1e-9, 0.1, 1])),
        seed=0,
    )


def test_compiled_and_torch_agree_in_every_bit_with_clamps_or_without(network: LSTMNetwork) -> None:
    backends = [made(kind, network, ROWS) for kind in KINDS[:2]]
    generator, layers = np.random.default_rng(5), network.config.num_layers
    for turn in range(90):
        rows = generator.permutation(ROWS)[: generator.integers(1, ROWS)].astype(np.int64)
        ids = generator.integers(0, VOCAB, len(rows))
        params = [some_params(generator) for _ in rows]
        numbers = [[int(n)] for n in generator.integers(0, 2**64, len(rows), dtype=np.uint64)]
        clamps = [
            tuple(
                Clamp(int(generator.integers(layers)), cell, float(generator.normal() * 3)) for cell in range(turn % 5)
            )
            for _ in rows
        ]
        if turn % 3:
            one, other = (each.write(rows, ids, params, numbers, clamps) for each in backends)
            assert one == other
        else:
            for each in backends:
                each.prefill(rows, ids)
    for row in range(ROWS):
        assert same(*(each.state(row) for each in backends))


def test_torchs_products_are_exact_at_their_largest() -> None:
    for columns in (1, 512, 1024, 2500):
        matrix = QuantizedMatrix(torch.full((8, columns), 127, dtype=torch.int8), torch.ones(8))
        for rows in (1, 3, 40):
            x = torch.full((rows, columns), -127, dtype=torch.int8)
            assert (exact_product(x, matrix) == -127 * 127 * columns).all()
            assert (torch_product(x.numpy(), matrix) == -127 * 127 * columns).all()


def test_int8_weights_hardly_change_the_loss_of_the_bundled_model() -> None:
    lm = CharLSTM.from_pretrained(PRETRAINED)
    text = "The first rule: that no man speaks before the king has spoken. Shall we go?\n" * 8
    ids = torch.from_numpy(lm.tokenizer.encode(text, unknown="skip"))
    with torch.inference_mode():
        logits, _ = lm.network(ids[None])
    exact = float(F.cross_entropy(logits[0, :-1], ids[1:]))
    weights, state = Int8Weights.quantize(lm.network), LSTMState.zeros(lm.config)
    h, c, total = state.h.to(torch.int8), state.c, 0.0
    for now, then in itertools.pairwise(ids):
        one, h, c = step(weights, now[None], h, c)
        total += float(F.cross_entropy(one, then[None]))
    assert abs(total / (len(ids) - 1) - exact) < 0.01


def test_the_compiled_draw_equals_the_samplers_draw_for_random_logits() -> None:
    generator = np.random.default_rng(2)
    for _ in range(300):
        vocab = int(generator.integers(1, 60))
        logits = (generator.normal(size=(1, vocab)) * 10 ** float(generator.integers(-3, 4))).astype(np.float32)
        if generator.random() < 0.5:
            logits = np.round(logits)  # ties
        params, number = some_params(generator), int(generator.integers(0, 2**64, dtype=np.uint64))
        assert choose(logits, [params], [[number]]) == [[sampling.choose(logits[0], params, number)]]
