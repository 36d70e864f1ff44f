"""The same text alone and in batches, on one thread and two, with and without numba."""

from __future__ import annotations

import pytest

from tests.support.same_text import NO_COMPILER, common_prefix, written

LENGTH = 400  # characters; tests/soak compares a million


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """Generated alone, and in batches of three sizes."""
    return written(LENGTH, {}, (0, 1), (7, 1), (32, 2), (128, 2))


def test_the_text_does_not_depend_on_the_batch(texts):
    for text in texts:
        assert common_prefix(text, texts[0]) == len(text) == LENGTH


def test_the_text_does_not_depend_on_a_compiler(texts):
    """Nor on the processor: tests/soak/test_same_text.py."""
    (text,) = written(LENGTH, NO_COMPILER, (7, 2))
    assert common_prefix(text, texts[0]) == len(text) == LENGTH
