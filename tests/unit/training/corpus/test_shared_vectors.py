"""The vectors that the browser's readers are tested with are what Python's readers make of the same texts."""

from __future__ import annotations

import pytest

from tests.support import chat_samples, example_texts, private_samples
from training.corpus.privacy import scan


@pytest.mark.parametrize("samples", [chat_samples, private_samples], ids=["chats", "private"])
def test_the_stored_vectors_are_those_of_python(samples: object) -> None:
    assert samples.vectors() == samples.STORED  # type: ignore[attr-defined]


def test_the_example_texts_are_short_and_made_by_the_program() -> None:
    stored = {path.name: path.read_text(encoding="utf-8") for path in example_texts.FOLDER.iterdir()}
    assert sum(len(text.encode()) for text in stored.values()) <= 20_000
    assert not any(scan(text) for name, text in stored.items() if name != "chat.txt")
    scenes = stored.pop(example_texts.SCENES)
    assert len(scenes) > 5_000
    assert stored == example_texts.texts()
