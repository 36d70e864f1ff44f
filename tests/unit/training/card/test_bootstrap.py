"""The bootstrap interval of a loss: it holds the true mean as often as it says, also for correlated losses."""

from __future__ import annotations

import math

import numpy as np
import pytest

from training.card.bootstrap import interval


def correlated_losses(seed: int, count: int = 20_000, memory: int = 100) -> np.ndarray:
    """Losses around 1 in which each 100 neighbours share a level, as the characters of a scene do."""
    draw = np.random.default_rng(seed)
    return 1 + np.repeat(draw.normal(size=count // memory), memory) + draw.normal(size=count)


def test_the_interval_holds_the_mean_in_19_of_20_cases() -> None:
    inside = sum(low <= 1 <= high for low, high in (interval(correlated_losses(seed)) for seed in range(200)))
    assert 0.87 <= inside / 200 <= 0.99  # 20 blocks of 1,000: slightly narrow, as with any bootstrap of few blocks


def test_resampling_single_characters_gives_too_narrow_intervals() -> None:
    """The reason for blocks: single characters would be treated as independent."""
    texts = [correlated_losses(seed, count=2000) for seed in range(15)]
    inside = sum(low <= 1 <= high for low, high in (interval(losses, block=1) for losses in texts))
    assert inside / 15 < 0.5


def test_independent_losses_have_the_interval_of_the_normal_distribution() -> None:
    losses = np.random.default_rng(1).normal(size=200_000)
    low, high = interval(losses)
    assert (high - low) / 2 == pytest.approx(1.96 / math.sqrt(len(losses)), rel=0.15)
    assert low < losses.mean() < high


def test_the_same_losses_have_the_same_interval() -> None:
    losses = correlated_losses(1).astype(np.float32)
    assert interval(losses) == interval(losses.copy())
    assert interval(losses) != interval(losses, seed=1)


@pytest.mark.parametrize("count", [2, 3, 19, 21])
def test_short_texts(count: int) -> None:
    assert interval(np.full(count, 1.5)) == (1.5, 1.5)
    low, high = interval(np.arange(count) / count)
    assert 0 <= low <= high < 1


def test_one_loss_has_no_interval() -> None:
    assert all(map(math.isnan, interval(np.ones(1))))
