"""A million characters, written in many ways, are those that are written alone."""

from __future__ import annotations

import pytest

from tests.support.same_text import AVX2, OLD, same, written

# neighbours, threads, environment, and how many characters: a crowd's step takes longer, and each counts
WAYS = [
    (0, 2, {}, 100_000),
    (7, 1, {}, 400_000),
    (32, 2, {}, 200_000),
    (128, 2, {}, 50_000),
    (32, 2, AVX2, 100_000),
    (7, 1, OLD, 150_000),
]


def test_there_are_a_million_of_them():
    assert sum(length for *_, length in WAYS) == 1_000_000


@pytest.fixture(scope="module")
def alone() -> str:
    """What each of them is a beginning of: prompt and seed are always the same."""
    longest = max(length for *_, length in WAYS)
    (text,) = written(longest, {}, (0, 1))
    assert len(text) == longest
    return text


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_the_text_is_that_written_alone(alone, way):
    neighbours, threads, environment, length = way
    (text,) = written(length, environment, (neighbours, threads))
    assert same(text, alone) == len(text) == length
