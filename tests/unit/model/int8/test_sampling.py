"""Temperature, top-k, top-p, min-p and seed: the kept set, the probabilities, and reproducible draws."""

import math
from typing import Any

import numpy as np
import pytest

from model import SamplingParams
from model.int8.sampling import choose, weights
from model.settings import MAX_SEED, draw_seed

TOP = 2**64


def params(**settings: Any) -> SamplingParams:
    return SamplingParams(**{"temperature": 1.0, "seed": 0, **settings})


def some_logits(seed: int = 0, spread: float = 2.0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(40) * spread).astype(np.float32)


def kept_by_reference(logits: np.ndarray, temperature: float, top_k: int, top_p: float, min_p: float) -> set[int]:
    """Softmax, sort, keep the k likeliest, then the fewest whose share of the rest reaches p, then min-p."""
    chances = np.exp(logits.astype(np.float64) / temperature)
    order = sorted(range(len(logits)), key=lambda i: (-chances[i], i))
    if top_k:
        order = order[:top_k]
    total, reached, kept = sum(chances[i] for i in order), 0.0, set()
    for i in order:
        kept.add(i)
        reached += chances[i] / total
        if reached >= top_p:
            break
    return {i for i in kept if chances[i] >= min_p * chances.max()}


def test_random_seeds_differ_and_are_in_bounds():
    seeds = {*(draw_seed() for _ in range(50)), SamplingParams().seed}
    assert len(seeds) > 45
    assert all(0 <= seed <= MAX_SEED for seed in seeds)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 5.0])
@pytest.mark.parametrize("top_k", [0, 1, 2, 7, 39, 40, 41, 10**9])
def test_top_k_keeps_the_k_likeliest_top_p_the_fewest_of_them_that_reach_p_and_min_p_comes_last(top_k, temperature):
    for seed, top_p in enumerate((1, 1e-9, 0.1, 0.37, 0.5, 0.9, 0.99, 0.999)):
        for min_p in (0, 1e-12, 0.01, 0.1, 0.999, 1):
            logits = some_logits(seed=seed, spread=1.0)
            weight = weights(logits, params(top_k=top_k, top_p=top_p, min_p=min_p, temperature=temperature))
            assert set(np.flatnonzero(weight)) == kept_by_reference(logits, temperature, top_k, top_p, min_p)


@pytest.mark.parametrize("number", [0, TOP // 3, TOP - 1])
def test_zero_and_tiny_temperatures_draw_the_likeliest_with_the_lowest_id(number):
    logits = some_logits()
    for settings in (*({"temperature": t} for t in (0, -0.0, 5e-324, 1e-300, 1e-6)), {"top_k": 1, "temperature": 5.0}):
        assert choose(logits, params(**settings), number) == logits.argmax()
    assert choose(np.array([0, 7, 3, 7], np.float32), params(temperature=0), number) == 1
    assert choose(np.zeros(1, np.float32), params(top_k=1, top_p=0.01), number) == 0


HUGE = 10**5000
ODD: list[Any] = [math.nan, math.inf, True, "0.5", None, [0.8], {}, b"1", np.float32(0.5), np.array(5), [HUGE]]
WHOLE = [*ODD, -1, 12.7, np.int64(5), -HUGE]


@pytest.mark.parametrize(
    ("name", "values", "rule"),
    [
        ("temperature", [*ODD, -0.1, 5.000001, 1 + 0j], "a number from 0 to 5"),
        ("top_p", [*ODD, 0, -0.5, 1.0000001], "a number above 0, at most 1"),
        ("min_p", [*ODD, -0.1, 1.01], "a number from 0 to 1"),
        ("length", [*WHOLE, 0, 10**7 + 1, HUGE], "a whole number from 1 to 10,000,000"),
        ("top_k", WHOLE, "a whole number of at least 0"),
        ("seed", [*WHOLE, 2**32, HUGE], "a whole number from 0 to 4,294,967,295"),
        ("stop", ["x" * 101, None, 5, True, ["a"], b"stop", HUGE, "\n" * 101], "a text of at most 100 characters"),
    ],
)
def test_a_wrong_value_is_refused_in_one_line(name: str, values: list[Any], rule: str):
    for value in values:
        with pytest.raises(ValueError, match=f"^{name} is ") as caught:
            SamplingParams(**{name: value})
        message = str(caught.value)
        assert (rule in message, "\n" in message, len(message) < 160) == (True, False, True)
