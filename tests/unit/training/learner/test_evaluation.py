"""Both protocols of the held-out loss, compared with plain loops of one character at a time."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from model import LSTMNetwork, LSTMState
from model.int8.weights import Int8Weights, step
from tests.support.tiny_models import tiny_network
from training.learner import evaluation as evaluate


def text(count: int, vocabulary: int = 11) -> np.ndarray:
    return np.random.default_rng(count).integers(vocabulary, size=count).astype(np.int32)


@pytest.fixture
def network() -> LSTMNetwork:
    return tiny_network(11)


def plain_losses(network: LSTMNetwork, ids: np.ndarray) -> list[float]:
    """The loss of each character after the first, one cell step at a time."""
    state: LSTMState | None = None
    losses = []
    with torch.inference_mode():
        for now, following in itertools.pairwise(ids.tolist()):
            logits, state = network.step(torch.tensor([now]), state)
            losses.append(float(F.cross_entropy(logits, torch.tensor([following]))))
    return losses


def test_each_row_reads_its_own_part_after_a_warm_up(network: LSTMNetwork) -> None:
    """With so short a warm-up the losses differ from those of one pass; the test computes them."""
    ids, rows, context = text(121), 4, 10
    size = 120 // rows
    expected = plain_losses(network, ids[: size + 1])
    for row in range(1, rows):
        warm = plain_losses(network, ids[row * size - context : (row + 1) * size + 1])
        expected += warm[context:]
    assert len(expected) == 120
    found = evaluate.carried_losses(network, ids, rows=rows, context=context)
    assert found == pytest.approx(np.array(expected), abs=1e-5)


def test_cold_losses_start_from_zeros_in_each_window(network: LSTMNetwork) -> None:
    ids = text(121)
    expected = [loss for start in (0, 40, 80) for loss in plain_losses(network, ids[start : start + 41])]
    assert evaluate.cold_losses(network, ids, window=40, rows=2) == pytest.approx(np.array(expected), abs=1e-5)


def test_the_cost_of_int8_is_the_difference_of_two_losses(network: LSTMNetwork) -> None:
    ids = text(400)
    weights, total = Int8Weights.quantize(network), 0.0
    for start in (0, 32, 64):
        h, c = torch.zeros(2, 1, 12, dtype=torch.int8), torch.zeros(2, 1, 12)
        for now, following in itertools.pairwise(ids[start : start + 33].tolist()):
            logits, h, c = step(weights, torch.tensor([now]), h, c)
            total += float(F.cross_entropy(logits, torch.tensor([following])))
    exact = np.mean([plain_losses(network, ids[start : start + 33]) for start in (0, 32, 64)])
    assert evaluate.int8_cost(network, ids, rows=3) == pytest.approx(total / 96 - exact, abs=1e-6)


def correlated_losses(seed: int, count: int) -> np.ndarray:
    """Losses around 1 in which each 100 neighbours share a level, as the characters of a scene do."""
    draw = np.random.default_rng(seed)
    return 1 + np.repeat(draw.normal(size=count // 100), 100) + draw.normal(size=count)


def test_the_interval_holds_the_mean_in_19_of_20_cases() -> None:
    found = [evaluate.interval(correlated_losses(seed, 20_000)) for seed in range(100)]
    # 20 blocks of 1,000: slightly narrow, as with any bootstrap of few blocks
    assert 0.87 <= sum(low <= 1 <= high for low, high in found) / 100 <= 0.99
