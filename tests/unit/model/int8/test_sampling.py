"""Temperature, top-k, top-p, min-p and seed: the kept set, the probabilities, and reproducible draws."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from model import SamplingParams
from model.int8.sampling import Randomness, choose, weights
from model.settings import MAX_SEED, draw_seed

TOP = 2**64


def params(**settings: Any) -> SamplingParams:
    return SamplingParams(**{"temperature": 1.0, "seed": 0, **settings})


def some_logits(count: int = 40, seed: int = 0, spread: float = 2.0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(count) * spread).astype(np.float32)


def softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    scaled = logits.astype(np.float64) / temperature
    chances = np.exp(scaled - scaled.max())
    return chances / chances.sum()


def kept_by_reference(logits: np.ndarray, temperature: float, top_k: int, top_p: float) -> set[int]:
    """Softmax, sort, keep the k likeliest, then the fewest whose share of the rest reaches p."""
    chances = softmax(logits, temperature)
    order = sorted(range(len(logits)), key=lambda i: (-chances[i], i))
    if top_k:
        order = order[:top_k]
    total, reached, kept = sum(chances[i] for i in order), 0.0, set()
    for i in order:
        kept.add(i)
        reached += chances[i] / total
        if reached >= top_p:
            break
    return kept


# random numbers


@pytest.mark.parametrize("seed", [0, 1, MAX_SEED])
def test_the_numbers_are_numpys_documented_stream_from_any_position_and_in_any_order(seed):
    expected, randomness = np.random.Philox(key=seed).random_raw(20_000).tolist(), Randomness(seed)
    order = np.random.default_rng(0).permutation(3000)[:300].tolist()
    for first in (0, 1, 3, 250, 255, 256, 257, 10_000, *order):
        assert randomness.number(first) == expected[first]
        for count in (1, 2, 32, 700):
            assert randomness.numbers(first, count) == expected[first : first + count]
    assert 0 <= randomness.number(10**15) < TOP, "large offsets need no time"


def test_random_seeds_differ_and_are_in_bounds():
    seeds = {*(draw_seed() for _ in range(50)), SamplingParams().seed}
    assert len(seeds) > 45
    assert all(0 <= seed <= MAX_SEED for seed in seeds)


# probabilities


@pytest.mark.parametrize("temperature", [0.1, 0.8, 1.0, 2.0, 5.0])
def test_weights_are_the_softmax_to_a_few_parts_in_ten_thousand(temperature):
    logits = some_logits()
    weight = weights(logits, params(temperature=temperature))
    np.testing.assert_allclose(weight / weight.sum(), softmax(logits, temperature), rtol=3e-4, atol=1e-9)


# the kept set


@pytest.mark.parametrize("temperature", [0.3, 1.0, 5.0])
@pytest.mark.parametrize("top_k", [0, 1, 2, 7, 39, 40, 41, 10**9])
def test_top_k_keeps_the_k_likeliest_and_top_p_the_fewest_of_them_that_reach_p(top_k, temperature):
    for seed, top_p in enumerate((1, 1e-9, 0.1, 0.37, 0.5, 0.9, 0.99, 0.999)):
        logits = some_logits(seed=seed, spread=1.0)
        weight = weights(logits, params(top_k=top_k, top_p=top_p, temperature=temperature))
        assert set(np.flatnonzero(weight)) == kept_by_reference(logits, temperature, top_k, top_p)


@pytest.mark.parametrize("min_p", [1e-12, 0.01, 0.1, 0.5, 0.999, 1])
def test_min_p_keeps_the_characters_at_least_p_times_as_likely_as_the_most_likely(min_p):
    for seed in range(5):
        logits = some_logits(seed=seed)
        chances = softmax(logits, 1.5)
        weight = weights(logits, params(min_p=min_p, temperature=1.5))
        assert set(np.flatnonzero(weight)) == set(np.flatnonzero(chances >= min_p * chances.max()))


def test_min_p_comes_after_top_k_and_top_p():
    """Top-p counts the probability that min-p would have removed."""
    logits = np.log(np.array([0.4, 0.3, 0.2, 0.1], dtype=np.float32))
    assert np.flatnonzero(weights(logits, params(top_p=0.65, min_p=0.6))).tolist() == [0, 1]
    assert np.flatnonzero(weights(logits, params(top_p=0.65, min_p=0.8))).tolist() == [0]
    assert np.flatnonzero(weights(logits, params(top_k=3, min_p=0.4))).tolist() == [0, 1, 2]


def test_kept_characters_keep_their_weight_and_among_equals_the_lower_id_is_kept():
    logits = some_logits()
    whole, some = weights(logits, params()), weights(logits, params(top_k=5, top_p=0.9, min_p=0.01))
    kept = np.flatnonzero(some)
    assert some[kept].tolist() == whole[kept].tolist()
    equal = np.zeros(6, dtype=np.float32)
    assert np.flatnonzero(weights(equal, params(top_k=2))).tolist() == [0, 1]
    assert np.flatnonzero(weights(equal, params(top_p=0.5))).tolist() == [0, 1, 2]
    equal[4] = 1.0
    assert np.flatnonzero(weights(equal, params(top_k=2))).tolist() == [0, 4]
    assert np.flatnonzero(weights(np.array([1, 3, 3, 2.999], np.float32), params(min_p=1))).tolist() == [1, 2]


@pytest.mark.parametrize("number", [0, TOP // 3, TOP - 1])
def test_zero_and_tiny_temperatures_draw_the_likeliest_with_the_lowest_id(number):
    logits = some_logits()
    for settings in (*({"temperature": t} for t in (0, -0.0, 5e-324, 1e-300, 1e-6)), {"top_k": 1, "temperature": 5.0}):
        assert choose(logits, params(**settings), number) == logits.argmax()
    assert choose(np.array([0, 7, 3, 7], np.float32), params(temperature=0), number) == 1
    assert choose(np.zeros(1, np.float32), params(top_k=1, top_p=0.01), number) == 0


# refusals

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
def test_a_wrong_value_is_refused_in_one_line(name: str, values: list[Any], rule: str) -> None:
    for value in values:
        with pytest.raises(ValueError, match=f"^{name} is ") as caught:
            SamplingParams(**{name: value})
        message = str(caught.value)
        assert (rule in message, "\n" in message, len(message) < 160) == (True, False, True)


@pytest.mark.parametrize(
    "settings",
    [{"temperature": 0, "length": 1, "top_k": 0, "top_p": 1, "min_p": 0, "seed": 0, "stop": ""},
     {"temperature": 5, "length": 10**7, "top_k": 10**30, "top_p": 1e-300, "min_p": 1, "seed": 2**32 - 1},
     {"temperature": np.float64(0.7), "stop": "😀" * 100}],
)  # fmt: skip
def test_values_at_the_bounds_are_allowed(settings: Any) -> None:
    assert 0 <= choose(some_logits(), SamplingParams(**settings), TOP // 2) < 40
