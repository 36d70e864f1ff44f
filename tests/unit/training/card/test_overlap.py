"""The longest copied passage: against a loop over all passages, across chunks, and in texts that repeat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from model import CharTokenizer
from training.card import overlap
from training.card.overlap import Source, longest_shared


def plain(parts: Sequence[np.ndarray], text: np.ndarray) -> int:
    whole = bytes(text.tolist())
    passages = {
        bytes(part[i:j].tolist()) for part in parts for i in range(len(part)) for j in range(i + 1, len(part) + 1)
    }
    return max((len(passage) for passage in passages if passage in whole), default=0)


@pytest.mark.parametrize("chunk", [1, 7, 1 << 16])
def test_the_result_is_that_of_a_plain_loop(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(overlap, "_CHUNK", chunk)
    draw = np.random.default_rng(chunk)
    for _ in range(60):
        letters = draw.integers(1, 4)
        text = draw.integers(letters, size=draw.integers(60)).astype(np.uint8)
        parts = [draw.integers(letters, size=draw.integers(14)).astype(np.int64) for _ in range(draw.integers(4))]
        part, at, length = longest_shared(parts, text)
        assert length == plain(parts, text)
        if length:
            assert bytes(parts[part][at : at + length].tolist()) in bytes(text.tolist())


def test_a_passage_across_two_chunks_is_found_whole() -> None:
    text = np.random.default_rng(1).integers(50, size=200_000).astype(np.int32)
    for border in (65_536, 131_072):
        parts = [np.array([51, 51]), np.concatenate(([51], text[border - 30 : border + 70], [51]))]
        assert longest_shared(parts, text) == (1, 1, 100)


def test_a_text_that_repeats_one_character() -> None:
    assert longest_shared([np.zeros(100, int)], np.zeros(100_000, np.uint8)) == (0, 0, 100)


def test_nothing_shared() -> None:
    assert longest_shared([np.array([5])], np.zeros(10, int)) == (0, 0, 0)
    assert longest_shared([], np.zeros(10, int)) == (0, 0, 0)
    assert longest_shared([np.array([5])], np.zeros(0, int)) == (0, 0, 0)


def source(train: str, held_out: str) -> Source:
    tokenizer = CharTokenizer.from_text(train + held_out)
    return Source(tokenizer, tokenizer.encode(train), tokenizer.encode(held_out))


def test_a_passage_lies_within_one_sample() -> None:
    found = source("the cat sat on a mat", "xyz" * 10).overlap(["a cat sa", "t on a mxt", "xyz"])
    assert (found.passage, found.characters, found.searched, found.whole) == ("t on a m", 21, 20, True)


def test_held_out_text_of_the_same_length_is_compared() -> None:
    """The median of five spans counts: here two share nothing, one shares 3 characters, two share 6."""
    held_out = "zzzzzzzz" + "abcdefzz" + "zabczzzz" + "zzzzzzzz" + "zzabcdef"
    assert source("abcdef", held_out).overlap(["ab", "cdefgh"[:4], "a", "z"]).held_out == 2
    assert source("abcdef", held_out).overlap(["abcdefab"]).held_out == 3
    assert source("abcdef", "zz").overlap(["abc"]).held_out is None


def test_only_the_end_of_a_long_text_is_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlap, "MAX_CHARACTERS", 6)
    found = source("a cat, a dog", "zz").overlap(["a cat", "a dog"])
    assert (found.passage, found.searched, found.whole) == ("a dog", 6, False)
    assert source("a dog", "zz").overlap(["zzz"]).passage == ""
