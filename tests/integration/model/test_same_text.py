"""The same text alone and in batches, on one thread and two, on old instruction sets, with and without numba."""

from __future__ import annotations

import pytest

from tests.support.same_text import AVX2, NO_COMPILER, OLD, common_prefix, written

LENGTH = 400  # characters; tests/soak compares a million


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """Generated alone, and in batches of three sizes."""
    return written(LENGTH, {}, (0, 1), (7, 1), (32, 2), (128, 2))


def test_the_text_does_not_depend_on_the_batch(texts):
    for text in texts:
        assert common_prefix(text, texts[0]) == len(text) == LENGTH


@pytest.mark.parametrize(("environment", "batch"), [(AVX2, (32, 2)), (OLD, (7, 1)), (NO_COMPILER, (7, 2))], ids=str)
def test_the_text_does_not_depend_on_the_machine(texts, environment, batch):
    (text,) = written(LENGTH, environment, batch)
    assert common_prefix(text, texts[0]) == len(text) == LENGTH
