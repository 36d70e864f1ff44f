"""The bootstrap interval of a loss: it holds the true mean as often as it says, also for correlated losses."""

from __future__ import annotations

import numpy as np

from training.card.bootstrap import interval


def correlated_losses(seed: int, count: int) -> np.ndarray:
    """Losses around 1 in which each 100 neighbours share a level, as the characters of a scene do."""
    draw = np.random.default_rng(seed)
    return 1 + np.repeat(draw.normal(size=count // 100), 100) + draw.normal(size=count)


def test_the_interval_holds_the_mean_in_19_of_20_cases() -> None:
    found = [interval(correlated_losses(seed, 20_000)) for seed in range(100)]
    # 20 blocks of 1,000: slightly narrow, as with any bootstrap of few blocks
    assert 0.87 <= sum(low <= 1 <= high for low, high in found) / 100 <= 0.99
    alone = [interval(correlated_losses(seed, 2000), block=1) for seed in range(15)]  # as if they were independent
    assert sum(low <= 1 <= high for low, high in alone) / 15 < 0.5
