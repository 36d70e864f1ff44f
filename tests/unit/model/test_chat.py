"""ChatFormat: how a visitor's message becomes the text that a chat model reads."""

from __future__ import annotations

import pytest

from model import ChatFormat


@pytest.mark.parametrize(
    ("message", "prompt"),
    [
        ("How are you?", "Anna: How are you?\n\nBen: "),
        *((empty, "Ben: ") for empty in ("", " ", "\n\n\n")),  # an empty message adds no turn
        *((each, "Anna: a\nb\n\nBen: ") for each in ("a\n\nb", "a\n\n\n\n\nb", "\n\na\nb\n\n", "a \n\n b")),
    ],
)
def test_a_message_is_wrapped_in_the_turns_of_the_training_text_and_cannot_end_its_own(message, prompt):
    assert ChatFormat("Anna: ", "\n\nBen: ", "\n\n").wrap(message) == prompt


def test_a_stop_of_one_character_becomes_a_space():
    assert ChatFormat("A: ", "\nB: ", "\n").wrap("a\nb\n") == "A: a b\nB: "
