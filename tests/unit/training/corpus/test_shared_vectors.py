"""The vectors that the browser's readers are tested with are what Python's readers make of the same texts."""

from __future__ import annotations

import pytest

from tests.support import chat_samples, private_samples


@pytest.mark.parametrize("samples", [chat_samples, private_samples], ids=["chats", "private"])
def test_the_stored_vectors_are_those_of_python(samples: object) -> None:
    assert samples.vectors() == samples.STORED  # type: ignore[attr-defined]
