"""What a card has beside the loss: that of a 5-gram counter and the longest copied passage, against plain loops."""

import math
import random
from collections import Counter

import numpy as np
import pytest

from model import CharTokenizer
from training.card.overlap import Source, longest_shared
from training.learner.evaluation import ngram_loss


def plain(train: list[int], held_out: list[int], vocab_size: int, order: int = 5) -> float:
    """Witten and Bell's interpolation, written as its definition."""
    counts: Counter[tuple[int, ...]] = Counter(
        tuple(train[at : at + length]) for length in range(1, order + 1) for at in range(len(train) - length + 1)
    )

    def chance(context: tuple[int, ...], char: int) -> float:
        shorter = chance(context[1:], char) if context else 1 / vocab_size
        follows = [n for gram, n in counts.items() if gram[:-1] == context]
        if not follows:
            return shorter
        ngram = (*context, char)
        return (counts[ngram] + len(follows) * shorter) / (sum(follows) + len(follows))

    chances = [chance(tuple(held_out[max(0, at - order + 1) : at]), held_out[at]) for at in range(1, len(held_out))]
    return -sum(map(math.log, chances)) / len(chances)


@pytest.mark.parametrize(("count", "vocabulary"), [(1, 2), (3, 4), (200, 3), (300, 12)])
def test_the_loss_is_that_of_the_definition(count: int, vocabulary: int) -> None:
    draw = np.random.default_rng(count)
    train = draw.integers(vocabulary, size=count).astype(np.uint8)
    held_out = draw.integers(vocabulary, size=60).astype(np.uint8)  # with much that never occurs in `train`
    expected = plain(train.tolist(), held_out.tolist(), vocabulary)
    assert ngram_loss(train, held_out, vocabulary) == pytest.approx(expected)


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
