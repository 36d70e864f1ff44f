"""A million characters are the same, however they are written."""

from __future__ import annotations

import pytest

from tests.identity import NO_COMPILER, WAYS, outcome

LENGTH = 1_000_000


@pytest.fixture(scope="module")
def expected() -> str:
    return outcome(LENGTH, WAYS[0])


@pytest.mark.parametrize("way", [way for way in WAYS[1:] if way[2] != NO_COMPILER], ids=str)
def test_a_million_characters_are_the_same(expected, way):
    assert expected.startswith(f"{LENGTH} ")
    assert outcome(LENGTH, way) == expected
