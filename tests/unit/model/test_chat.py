"""ChatFormat: how a visitor's message becomes the text that a chat model reads."""

from __future__ import annotations

import pytest

from model import ChatFormat

CHAT = ChatFormat("Anna: ", "\n\nBen: ", "\n\n")


def test_a_message_is_wrapped_in_the_turns_of_the_training_text() -> None:
    assert CHAT.wrap("How are you?") == "Anna: How are you?\n\nBen: "
    assert ChatFormat("", "", "\n").wrap("as it is") == "as it is"


@pytest.mark.parametrize("message", ["", " ", "\n\n\n"])
def test_an_empty_message_adds_no_turn(message: str) -> None:
    assert CHAT.wrap(message) == "Ben: "


@pytest.mark.parametrize(
    ("message", "read"),
    [("a\n\nb", "a\nb"), ("a\n\n\n\n\nb", "a\nb"), ("\n\na\nb\n\n", "a\nb"), ("a \n\n b", "a\nb")],
)
def test_a_message_cannot_end_its_own_turn(message: str, read: str) -> None:
    assert CHAT.wrap(message) == f"Anna: {read}\n\nBen: "


def test_a_stop_of_one_character_becomes_a_space() -> None:
    assert ChatFormat("A: ", "\nB: ", "\n").wrap("a\nb\n") == "A: a b\nB: "
