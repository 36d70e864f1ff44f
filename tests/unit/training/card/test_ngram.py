"""The 5-gram counter: against a calculation by hand, and against a loop over all counts."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from training.card.ngram import ngram_loss


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
