"""The interval of a loss: it holds the truth as often as it says, also where neighbours go together."""

from __future__ import annotations

import math

import numpy as np
import pytest

from training.card.bootstrap import interval


def wandering(seed: int, count: int = 20_000, memory: int = 100) -> np.ndarray:
    """Numbers around 1 of which each run of 100 has a level of its own, as scenes have."""
    draw = np.random.default_rng(seed)
    return 1 + np.repeat(draw.normal(size=count // memory), memory) + draw.normal(size=count)


def test_it_holds_the_mean_nineteen_times_in_twenty() -> None:
    inside = sum(low <= 1 <= high for low, high in (interval(wandering(seed)) for seed in range(200)))
    assert 0.87 <= inside / 200 <= 0.99  # 20 blocks of 1,000: a little narrow, as bootstraps of few blocks are


def test_single_characters_would_promise_too_much() -> None:
    """The reason for blocks: drawn one by one, neighbours that go together count as if each were news."""
    texts = [wandering(seed, count=2000) for seed in range(15)]
    inside = sum(low <= 1 <= high for low, high in (interval(losses, block=1) for losses in texts))
    assert inside / 15 < 0.5


def test_independent_losses_have_the_interval_of_books() -> None:
    losses = np.random.default_rng(1).normal(size=200_000)
    low, high = interval(losses)
    assert (high - low) / 2 == pytest.approx(1.96 / math.sqrt(len(losses)), rel=0.15)
    assert low < losses.mean() < high


def test_the_same_losses_have_the_same_interval() -> None:
    losses = wandering(1).astype(np.float32)
    assert interval(losses) == interval(losses.copy())
    assert interval(losses) != interval(losses, seed=1)


@pytest.mark.parametrize("count", [2, 3, 19, 21])
def test_short_texts(count: int) -> None:
    assert interval(np.full(count, 1.5)) == (1.5, 1.5)
    low, high = interval(np.arange(count) / count)
    assert 0 <= low <= high < 1


def test_one_loss_has_none() -> None:
    assert all(map(math.isnan, interval(np.ones(1))))
