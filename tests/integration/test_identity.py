"""One text: alone and in a crowd, on one thread and two, on old instruction sets, compiled or not."""

from __future__ import annotations

import pytest

from tests.identity import WAYS, same, written

LENGTH = 400  # a million of them in tests/soak


@pytest.fixture(scope="module")
def expected() -> str:
    return written(LENGTH, WAYS[0])


@pytest.mark.parametrize("way", WAYS[1:], ids=str)
def test_the_text_is_the_same(expected, way):
    text = written(LENGTH, way)
    assert same(text, expected) == len(text) == len(expected) == LENGTH
