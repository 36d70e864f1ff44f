"""CharTokenizer and ChatFormat: one code point is one token; a message becomes the text that a chat model reads."""

import sys

import pytest

from model import CharTokenizer, ChatFormat, UnknownCharactersError
from model.tokenizer import UnknownCharacter, describe_unknown

TEXT = "To be, or not to be:\nthat is the question — ¿что? 😀\u0301\u200d\u202e\r\x00"


def test_each_code_point_is_one_id_in_their_order_or_in_that_which_was_given():
    many = {chr(code) for code in range(0, sys.maxunicode + 1, 99) if not 0xD800 <= code <= 0xDFFF}
    for tokenizer in (CharTokenizer.from_text(TEXT), CharTokenizer(sorted(many | set(TEXT)))):
        ids = tokenizer.encode(TEXT)
        assert (ids.dtype.name, len(ids)) == ("int64", len(TEXT))
        assert tokenizer.decode(ids) == tokenizer.decode(ids.tolist()) == TEXT
        assert (tokenizer.encode("").shape, tokenizer.decode([])) == ((0,), "")
    tokenizer, given = CharTokenizer.from_text("banana\n😀"), CharTokenizer(["b", "a", "\n"])
    assert (tokenizer.vocab, len(tokenizer)) == (("\n", "a", "b", "n", "😀"), 5)
    assert tokenizer.encode("a😀\n").tolist() == [1, 4, 0]
    assert (given.encode("ab\n").tolist(), given.decode([0, 1, 2])) == ([1, 0, 2], "ba\n")


def test_unknown_characters_raise_or_are_skipped_and_are_named_in_the_order_of_the_text():
    tokenizer = CharTokenizer.from_text("bcd")
    with pytest.raises(UnknownCharactersError, match=r"'x' \(2 times\), 'é'") as caught:
        tokenizer.encode("bxcxé")
    assert caught.value.unknown == (UnknownCharacter("x", 1, 2), UnknownCharacter("é", 4, 1))
    assert tokenizer.encode("bxcxé", unknown="skip").tolist() == [0, 1]
    for character in ("a", "\ud800", "\U0010ffff", "\x00"):
        assert tokenizer.encode(character + "b", unknown="skip").tolist() == [0]


@pytest.mark.parametrize(("vocab", "start"), [("a\n b", "\n"), ("ab c", " "), ("abc", "a")])
def test_the_start_is_a_line_end_or_a_space_or_the_first_character(vocab, start):
    tokenizer = CharTokenizer.from_text(vocab)
    assert tokenizer.vocab[tokenizer.start_id] == start


@pytest.mark.parametrize(
    ("vocab", "message"),
    [
        ([], "0 entries"),
        ("abc", "must be a list of characters, not a str"),
        (["a", "b", "a"], "entry 2 is 'a', which occurs twice"),
        *((["a", entry], f"entry 1 is {entry!r}") for entry in ("bc", "", 1, None, ["b"])),
        (["\ud800"], "half of a surrogate pair"),
        (["x" * 10_000], "entry 0 is 'xxx"),
        (["a"] * 0x110001, "1,114,113 entries"),
    ],
)
def test_an_error_names_the_wrong_entry_on_one_line(vocab, message):
    with pytest.raises(ValueError, match=r"^vocab ") as caught:
        CharTokenizer(vocab)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_unknown_characters_are_described_for_people():
    unknown = CharTokenizer.from_text("a").unknown_characters("é\x1b\ud800😀\u202e" + "ä" * 1000)
    assert describe_unknown(unknown) == "'é', U+001B, U+D800, U+1F600, U+202E, 'ä' (1,000 times)"
    many = CharTokenizer.from_text("a").unknown_characters("bcdefghijkl")
    assert describe_unknown(many).endswith(" and 3 more")


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
