"""A million characters in batches, on threads and on old instruction sets equal those generated alone."""

from __future__ import annotations

import pytest

from tests.support.same_text import AVX2, OLD, common_prefix, written

# other requests, threads, environment, characters; a step of a large batch takes longer
WAYS = [
    (0, 2, {}, 100_000),
    (7, 1, {}, 400_000),
    (32, 2, {}, 200_000),
    (128, 2, {}, 50_000),
    (32, 2, AVX2, 100_000),
    (7, 1, OLD, 150_000),
]


def test_the_characters_are_a_million():
    assert sum(length for *_, length in WAYS) == 1_000_000


@pytest.fixture(scope="module")
def alone() -> str:
    """Return the longest text. Prompt and seed are always the same, so every other text is a prefix of it."""
    longest = max(length for *_, length in WAYS)
    (text,) = written(longest, {}, (0, 1))
    assert len(text) == longest
    return text


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_the_text_equals_the_one_generated_alone(alone, way):
    neighbours, threads, environment, length = way
    (text,) = written(length, environment, (neighbours, threads))
    assert common_prefix(text, alone) == len(text) == length
