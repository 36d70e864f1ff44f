"""Windows of contiguous streams; paragraphs in another order in each pass."""

import numpy as np
import pytest
import torch

from model import CharTokenizer
from training.learner.dataset import Windows, find_paragraphs


def numbered(count: int) -> np.ndarray:
    """A text in which each character is its own position."""
    return np.arange(count, dtype=np.int32)


def test_a_pass_reads_every_character_once() -> None:
    windows = Windows(numbered(96), batch=4, window=6, seed=9)
    assert windows.steps_per_pass == 4
    for turn in range(3):
        read = torch.cat([windows.at(turn * 4 + step)[0].flatten() for step in range(4)])
        assert sorted(read.tolist()) == list(range(96))


TEXT = "one\n\ntwo\nlines\n\n\n\nthree\n\nfour"


def paragraphs_of(text: str) -> list[str]:
    tokenizer = CharTokenizer.from_text(text)
    found = find_paragraphs(tokenizer.encode(text), tokenizer)
    ends = [*found.starts[1:], len(text)]
    return [text[start:end] for start, end in zip(found.starts, ends, strict=True)]


@pytest.mark.parametrize(
    ("text", "paragraphs"),
    [
        (TEXT, ["one\n\n", "two\nlines\n\n\n\n", "three\n\n", "four"]),
        ("no blank line\nat all", ["no blank line\nat all"]),
        ("no line break", ["no line break"]),
        ("ends with one\n\n", ["ends with one\n\n"]),
        ("\n\nbegins with one", ["\n\n", "begins with one"]),
    ],
)
def test_a_paragraph_ends_with_the_blank_lines_after_it(text: str, paragraphs: list[str]) -> None:
    assert paragraphs_of(text) == paragraphs


def test_a_pass_reads_every_paragraph_once_and_each_pass_in_another_order() -> None:
    text = "".join(f"paragraph {number}\n\n" for number in range(64))
    tokenizer = CharTokenizer.from_text(text)
    ids = tokenizer.encode(text)
    found = find_paragraphs(ids, tokenizer)
    orders = set()
    for turn in range(3):
        positions = found.reorder(np.arange(len(text)), 7, turn)
        read = tokenizer.decode(ids[positions])
        assert sorted(read.split("\n\n")) == sorted(text.split("\n\n"))
        assert read == tokenizer.decode(ids[find_paragraphs(ids, tokenizer).reorder(np.arange(len(text)), 7, turn)])
        orders.add(read)
    assert len(orders) == 3
    assert text not in orders
