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


def params(**settings) -> SamplingParams:
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


@pytest.mark.parametrize("first", [0, 1, 250, 255, 256, 10_000])
@pytest.mark.parametrize("count", [1, 2, 32, 700])
def test_several_random_numbers_are_those_of_one_after_another(first: int, count: int) -> None:
    one_by_one = Randomness(7)
    assert Randomness(7).numbers(first, count) == [one_by_one.number(i) for i in range(first, first + count)]


@pytest.mark.parametrize("seed", [0, 1, 12345, MAX_SEED])
def test_the_numbers_are_numpys_documented_stream(seed):
    expected = np.random.Philox(key=seed).random_raw(1000).tolist()
    randomness = Randomness(seed)
    assert [randomness.number(i) for i in range(1000)] == expected


def test_the_published_vector_of_philox():
    """Philox4x64-10 for key 0 at counter 1, as written in the paper's reference implementation."""
    mask, key, counter = TOP - 1, [0, 0], [1, 0, 0, 0]
    for _ in range(10):
        high0, low0 = divmod(0xD2E7470EE14C6C93 * counter[0], TOP)
        high1, low1 = divmod(0xCA5A826395121157 * counter[2], TOP)
        counter = [high1 ^ counter[1] ^ key[0], low1, high0 ^ counter[3] ^ key[1], low0]
        key = [(key[0] + 0x9E3779B97F4A7C15) & mask, (key[1] + 0xBB67AE8584CAA73B) & mask]
    assert [Randomness(0).number(i) for i in range(4)] == counter


def test_any_number_can_be_drawn_without_the_earlier_ones():
    expected = np.random.Philox(key=7).random_raw(20_000).tolist()
    for i in (0, 3, 255, 256, 257, 511, 1024, 19_999):
        assert Randomness(7).number(i) == expected[i]


def test_numbers_can_be_drawn_in_any_order():
    expected = np.random.Philox(key=9).random_raw(3000).tolist()
    randomness = Randomness(9)
    order = np.random.default_rng(0).permutation(3000)[:500].tolist()
    assert [randomness.number(i) for i in order] == [expected[i] for i in order]


def test_large_offsets_need_no_time():
    assert 0 <= Randomness(1).number(10**15) < TOP


def test_random_seeds_differ_and_are_in_bounds():
    seeds = {draw_seed() for _ in range(50)}
    assert len(seeds) > 45
    assert all(0 <= seed <= MAX_SEED for seed in seeds)
    assert SamplingParams().seed != SamplingParams().seed or SamplingParams().seed != SamplingParams().seed


# probabilities


@pytest.mark.parametrize(
    ("settings", "logits_seed"),
    [({}, 0), ({"temperature": 0.5}, 1), ({"temperature": 5.0}, 2), ({"top_k": 5}, 3), ({"top_p": 0.8}, 4)],
)
def test_draws_follow_the_softmax(settings, logits_seed):
    """Pearson's chi-square over 20,000 draws with fixed seeds; the bound is five sigma from the mean."""
    logits, chosen = some_logits(12, logits_seed, spread=1.0), params(**settings)
    kept = sorted(kept_by_reference(logits, chosen.temperature, chosen.top_k, chosen.top_p))
    chances = softmax(logits, chosen.temperature)[kept]
    chances /= chances.sum()
    numbers = np.random.Philox(key=logits_seed).random_raw(20_000).tolist()
    draws = np.bincount([choose(logits, chosen, number) for number in numbers], minlength=12)
    assert draws.sum() == draws[kept].sum()
    expected = chances * 20_000
    chi_square = ((draws[kept] - expected) ** 2 / expected).sum()
    freedom = len(kept) - 1
    assert chi_square < freedom + 5 * math.sqrt(2 * freedom)


@pytest.mark.parametrize("temperature", [0.1, 0.8, 1.0, 2.0, 5.0])
def test_weights_are_the_softmax_to_a_few_parts_in_ten_thousand(temperature):
    logits = some_logits()
    weight = weights(logits, params(temperature=temperature))
    np.testing.assert_allclose(weight / weight.sum(), softmax(logits, temperature), rtol=3e-4, atol=1e-9)


def test_each_character_gets_an_interval_in_proportion_to_its_weight():
    logits = np.log(np.array([1, 2, 4, 8], dtype=np.float32))
    drawn = [choose(logits, params(), TOP * i // 1500) for i in range(1500)]
    assert drawn == sorted(drawn)
    assert np.bincount(drawn) == pytest.approx([100, 200, 400, 800], abs=1)


@pytest.mark.parametrize("number", [0, 1, TOP // 2, TOP - 1])
def test_the_smallest_and_largest_numbers_never_draw_a_character_of_weight_zero(number):
    logits = np.array([-200, 3, -200, 3, -200], dtype=np.float32)
    assert choose(logits, params(temperature=0.1), number) == (1 if number < TOP // 2 else 3)


# the kept set


@pytest.mark.parametrize("top_k", [0, 1, 2, 7, 39, 40, 41, 10**9])
@pytest.mark.parametrize("temperature", [0.3, 1.0, 5.0])
def test_top_k_keeps_the_k_likeliest(top_k, temperature):
    logits = some_logits(spread=1.0)
    weight = weights(logits, params(top_k=top_k, temperature=temperature))
    assert set(np.flatnonzero(weight)) == kept_by_reference(logits, temperature, top_k, 1.0)


@pytest.mark.parametrize("top_p", [1e-9, 0.1, 0.37, 0.5, 0.9, 0.99, 0.999])
@pytest.mark.parametrize("seed", range(5))
def test_top_p_keeps_the_fewest_that_reach_p(top_p, seed):
    logits = some_logits(seed=seed)
    weight = weights(logits, params(top_p=top_p))
    assert set(np.flatnonzero(weight)) == kept_by_reference(logits, 1.0, 0, top_p)


@pytest.mark.parametrize("seed", range(5))
def test_top_p_applies_to_the_characters_that_top_k_kept(seed):
    logits = some_logits(seed=seed, spread=1.0)
    for top_k, top_p in ((3, 0.5), (10, 0.9), (5, 0.99), (20, 0.3)):
        weight = weights(logits, params(top_k=top_k, top_p=top_p))
        assert set(np.flatnonzero(weight)) == kept_by_reference(logits, 1.0, top_k, top_p)


@pytest.mark.parametrize("min_p", [1e-12, 0.01, 0.1, 0.5, 0.999, 1])
@pytest.mark.parametrize("seed", range(5))
def test_min_p_keeps_the_characters_at_least_p_times_as_likely_as_the_most_likely(min_p, seed):
    logits = some_logits(seed=seed)
    chances = softmax(logits, 1.5)
    weight = weights(logits, params(min_p=min_p, temperature=1.5))
    assert set(np.flatnonzero(weight)) == set(np.flatnonzero(chances >= min_p * chances.max()))


def test_min_p_of_one_keeps_only_the_likeliest_and_of_zero_removes_none():
    logits = np.array([1, 3, 3, 2.999], dtype=np.float32)
    assert np.flatnonzero(weights(logits, params(min_p=1))).tolist() == [1, 2]
    assert weights(logits, params(min_p=0)).tolist() == weights(logits, params()).tolist()


def test_min_p_comes_after_top_k_and_top_p():
    """Top-p counts the probability that min-p would have removed."""
    logits = np.log(np.array([0.4, 0.3, 0.2, 0.1], dtype=np.float32))
    assert np.flatnonzero(weights(logits, params(top_p=0.65, min_p=0.6))).tolist() == [0, 1]
    assert np.flatnonzero(weights(logits, params(top_p=0.65, min_p=0.8))).tolist() == [0]
    assert np.flatnonzero(weights(logits, params(top_k=3, min_p=0.4))).tolist() == [0, 1, 2]


def test_kept_characters_keep_their_weight():
    logits = some_logits()
    whole, some = weights(logits, params()), weights(logits, params(top_k=5, top_p=0.9, min_p=0.01))
    kept = np.flatnonzero(some)
    assert some[kept].tolist() == whole[kept].tolist()


def test_among_equals_the_lower_id_is_kept():
    logits = np.zeros(6, dtype=np.float32)
    assert np.flatnonzero(weights(logits, params(top_k=2))).tolist() == [0, 1]
    assert np.flatnonzero(weights(logits, params(top_p=0.5))).tolist() == [0, 1, 2]
    logits[4] = 1.0
    assert np.flatnonzero(weights(logits, params(top_k=2))).tolist() == [0, 4]


@pytest.mark.parametrize("count", [1, 2])
def test_the_smallest_vocabularies_work(count):
    logits = np.zeros(count, dtype=np.float32)
    for settings in ({}, {"temperature": 0}, {"top_k": 1}, {"top_p": 0.01}):
        assert choose(logits, params(**settings), 0) == 0


# temperature at its bounds


@pytest.mark.parametrize("temperature", [0, 0.0, -0.0, 5e-324, 1e-300, 1e-40, 1e-6])
@pytest.mark.parametrize("number", [0, TOP // 3, TOP - 1])
def test_zero_and_tiny_temperatures_draw_the_likeliest(temperature, number):
    logits = some_logits()
    assert choose(logits, params(temperature=temperature), number) == logits.argmax()


def test_greedy_draws_the_lowest_id_among_equals():
    logits = np.array([0, 7, 3, 7], dtype=np.float32)
    assert choose(logits, params(temperature=0), TOP - 1) == 1


def test_top_k_of_one_is_greedy():
    logits = some_logits()
    for number in (0, TOP - 1):
        assert choose(logits, params(top_k=1, temperature=5.0), number) == logits.argmax()


@pytest.mark.parametrize("temperature", [0, 1e-300, 0.8, 5])
@pytest.mark.parametrize("size", [1e-30, 1e4, 3e38])
def test_huge_and_tiny_logits_can_be_sampled(temperature, size):
    logits = np.array([-size, 0, size], dtype=np.float32)
    chosen = choose(logits, params(temperature=temperature), TOP // 2)
    assert chosen in (0, 1, 2)
    if size >= 1e4:
        assert chosen == 2


# refusals

HUGE = pytest.param(10**5000, id="5,000 digits")
HUGE_BELOW_ZERO = pytest.param(-(10**5000), id="minus 5,000 digits")
HUGE_IN_A_LIST = pytest.param([10**5000], id="5,000 digits in a list")


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        -math.inf,
        -0.1,
        -1,
        5.000001,
        6,
        True,
        False,
        "abc",
        "0.8",
        "",
        None,
        [0.8],
        {},
        1 + 0j,
        b"1",
        np.float32(0.5),
        np.array([0.5]),
        HUGE,
        HUGE_BELOW_ZERO,
        HUGE_IN_A_LIST,
    ],
)
def test_a_bad_temperature_is_refused(value):
    check_refused("temperature", value, "a number from 0 to 5")


@pytest.mark.parametrize(
    "value", [0, 0.0, -0.5, 1.0000001, 2, math.nan, math.inf, True, "0.9", None, [0.9], HUGE, np.float32(0.9)]
)
def test_a_bad_top_p_is_refused(value):
    check_refused("top_p", value, "a number above 0, at most 1")


@pytest.mark.parametrize("value", [-0.1, 1.01, math.nan, math.inf, True, "0.1", None])
def test_a_bad_min_p_is_refused(value):
    check_refused("min_p", value, "a number from 0 to 1")


WHOLE = [
    -1,
    12.7,
    1.0,
    math.nan,
    math.inf,
    True,
    False,
    "5",
    None,
    [5],
    {"a": 1},
    HUGE_BELOW_ZERO,
    np.int64(5),
    np.array(5),
]


@pytest.mark.parametrize("value", [*WHOLE, 0, 10**7 + 1, 10**9, HUGE, HUGE_IN_A_LIST])
def test_a_bad_length_is_refused(value):
    check_refused("length", value, "a whole number from 1 to 10,000,000")


@pytest.mark.parametrize("value", WHOLE)
def test_a_bad_top_k_is_refused(value):
    check_refused("top_k", value, "a whole number of at least 0")


@pytest.mark.parametrize("value", [*WHOLE, 2**32, HUGE, 1.5])
def test_a_bad_seed_is_refused(value):
    check_refused("seed", value, "a whole number from 0 to 4,294,967,295")


@pytest.mark.parametrize("value", ["x" * 101, None, 5, True, ["a"], b"stop", HUGE, "\n" * 101])
def test_a_bad_stop_text_is_refused(value):
    check_refused("stop", value, "a text of at most 100 characters")


def check_refused(name: str, value: Any, allowed: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} is ") as caught:
        SamplingParams(**{name: value})
    message = str(caught.value)
    assert allowed in message
    assert "\n" not in message
    assert len(message) < 160


@pytest.mark.parametrize(
    "settings",
    [
        {"temperature": 0},
        {"temperature": 5},
        {"temperature": 1e-300},
        {"temperature": np.float64(0.7)},
        {"length": 1},
        {"length": 10**7},
        {"top_k": 0},
        {"top_k": 10**30},
        {"top_p": 1},
        {"top_p": 1e-300},
        {"min_p": 0},
        {"min_p": 1},
        {"seed": 0},
        {"seed": 2**32 - 1},
        {"stop": ""},
        {"stop": "😀" * 100},
    ],
)
def test_values_at_the_bounds_are_allowed(settings):
    ((name, value),) = settings.items()
    made = SamplingParams(**settings)
    assert getattr(made, name) == value
    assert 0 <= choose(some_logits(), made, TOP // 2) < 40


def test_settings_are_immutable():
    with pytest.raises(AttributeError):
        SamplingParams().temperature = 99  # type: ignore[misc]
