"""Blocked words: which texts match, and that no part of one is released."""

import random
import re

import pytest

from model import BlockedWords, SamplingParams, Sequence

WORDS = BlockedWords(["Damn", "bad word", "café", "他妈", "straße", "#x"])
FOUND = ["damn", "DAMN!", "(damn)", "oh damn\nit", "ＤＡＭＮ", "da\u00admn", "damn_it", "damn's", "a bad \n\t word.",
         "CAFE\u0301", "Café", "好他妈的", "damn他", "STRASSE", "strasse", "a#x", "\u200bdamn"]  # fmt: skip
OTHERS = ["", "damnation", "goddamn", "dam n", "damn\u0301", "damn2", "badword", "cafe", "cafés", "他的妈",
          "strasses", "#xy"]  # fmt: skip


@pytest.mark.parametrize("text", [*FOUND, *OTHERS])
def test_a_word_is_found_in_any_case_and_encoding_and_not_in_another_word(text: str):
    assert WORDS.inside(text) == (text in FOUND)


@pytest.mark.parametrize("words", [["x" * 101], ["\u200b"], ["  "], ["a"] * 10_001])
def test_a_wrong_list_is_refused(words: list[str]):
    with pytest.raises(ValueError, match=r"at most|none of them is visible"):
        BlockedWords(words)


def write(text: str, words: BlockedWords, *, stop: str = "", before: str = "") -> list[str]:
    """Return the released text after each character and at the end, and the finish reason."""
    sequence = Sequence(params=SamplingParams(length=1000, stop=stop), watch=words.watch(before))
    seen = []
    for character in text:
        _, reason = sequence.add([character], [0.0])
        seen.append(sequence.text)
        if reason:
            sequence.finish(reason, None)
            break
    else:
        sequence.finish("length", None)
    return [*seen, sequence.text, sequence.finish_reason or ""]


@pytest.mark.parametrize(
    ("before", "text", "stop", "released", "reason"),
    [
        ("", "oh dam", "", "oh dam", "length"),
        ("dam", "n it", "", "", "blocked"),  # a word that begins before the reply
        ("god", "damn it", "", "damn it", "length"),
        ("", "oh damnXY and", "XY", "oh ", "blocked"),
        ("", "oh dampXY and", "XY", "oh damp", "stop"),
        ("", "oh damn", "amn", "oh d", "stop"),
    ],
)
def test_a_reply_ends_before_a_word(before: str, text: str, stop: str, released: str, reason: str):
    assert write(text, WORDS, before=before, stop=stop)[-2:] == [released, reason]


def test_no_part_of_a_word_is_released_in_random_texts():
    """Compared with a regular expression, on texts of few letters, which are full of words and beginnings of words."""
    words = ["ab", "aab", "b a", "abba", "a b ab"]
    blocked = BlockedWords(words)
    pattern = re.compile(
        r"(?<![ab])(" + "|".join(re.escape(word).replace(r"\ ", r"\s+") for word in words) + r")(?![ab])"
    )
    chance = random.Random(0)
    ended = 0
    for _ in range(3000):
        text = "".join(chance.choices("ab \nA.", weights=[5, 5, 2, 1, 1, 1], k=chance.randint(1, 14)))
        *seen, final, reason = write(text, blocked)
        starts = [match.start() for at in range(len(text)) if (match := pattern.match(text.lower(), at))]
        assert final == text[: min(starts, default=len(text))], text
        assert reason == ("blocked" if starts else "length")
        assert all(final.startswith(each) for each in seen)
        ended += bool(starts)
    assert 500 < ended < 2500
