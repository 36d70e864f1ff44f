"""The longest copied passage: against a loop over all passages, within one sample, in the searched part of a text."""

from __future__ import annotations

import random

from model import CharTokenizer
from training.card.overlap import Source, longest_shared


def test_the_passage_is_the_longest_of_a_plain_loop() -> None:
    draw = random.Random(1)
    for _ in range(200):
        letters = "abc"[: draw.randint(1, 3)]
        text, *samples = ("".join(draw.choices(letters, k=draw.randint(0, size))) for size in (60, 14, 9, 14))
        shared = [s[i:j] for s in samples for i in range(len(s)) for j in range(i, len(s) + 1) if s[i:j] in text]
        assert longest_shared(samples, text) == max(shared, key=len, default="")


def source(train: str, held_out: str) -> Source:
    tokenizer = CharTokenizer.from_text(train + held_out)
    return Source(tokenizer, tokenizer.encode(train), tokenizer.encode(held_out))


def test_held_out_text_of_the_same_length_is_compared() -> None:
    assert source("abcdef", "zabczczdabcdef").overlap(["abcdefgh"]).held_out == 3  # its first 8 characters
    assert source("abcdef", "zabczczdabcdef").overlap(["abc", "defgh"]).held_out == 2  # cut as the samples are
    assert source("abcdef", "zz").overlap(["abc"]).held_out is None
