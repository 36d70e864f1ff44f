"""One text: alone and in a crowd, on one thread and two, on old instruction sets, compiled or not."""

from __future__ import annotations

import pytest

from tests.support.same_text import AVX2, NO_COMPILER, OLD, same, written

LENGTH = 400  # a million of them in tests/soak


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """Alone, and in crowds of three sizes."""
    return written(LENGTH, {}, (0, 1), (7, 1), (32, 2), (128, 2))


def test_in_every_crowd_the_text_is_that_written_alone(texts):
    for text in texts:
        assert same(text, texts[0]) == len(text) == LENGTH


@pytest.mark.parametrize(("environment", "crowd"), [(AVX2, (32, 2)), (OLD, (7, 1)), (NO_COMPILER, (7, 2))], ids=str)
def test_on_other_machines_the_text_is_the_same(texts, environment, crowd):
    (text,) = written(LENGTH, environment, crowd)
    assert same(text, texts[0]) == len(text) == LENGTH
