"""Features of a text with which cells are compared; each has a value at every character.

The value at a character is that after the character is read; binary features are 0 or 1. Some features depend on the
rest of the text, such as the characters left in the line: a cell that follows one of these predicts the text.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

T = TypeVar("T")
Values = npt.NDArray[np.float32]
_FAR = 60  # the largest place in a line; later places have this value


@dataclass(frozen=True)
class Feature:
    """A property of a text at each character."""

    name: str  # the name on the model card and on the page
    values: Callable[[str], Iterable[float]]  # called with a text; returns a value for each character
    binary: bool = True  # whether the values are 0 (false) and 1 (true); otherwise they are numbers

    def of(self, text: str) -> Values:
        """Returns the values (T,) float32 for a text of T characters."""
        return np.fromiter(self.values(text), np.float32, len(text))


def _inside(pattern: str, is_valid: Callable[[str], bool] = bool) -> Callable[[str], Iterable[float]]:
    """Returns a feature that is true in the matches of a pattern that are valid."""

    def values(text: str) -> Iterable[float]:
        found = np.zeros(len(text), bool)
        for match in re.finditer(pattern, text):
            found[slice(*match.span())] = is_valid(match[0])
        return found

    return values


def _scan(step: Callable[[T, str], T], first: T, *, backwards: bool = False) -> Callable[[str], list[T]]:
    """Returns a feature whose value is `step(value at the character before, character)`; `first` before the first.

    A "\\n" that ends a blank line is given as "\\n\\n".
    """

    def values(text: str) -> list[T]:
        chars = ["\n\n" if before == char == "\n" else char for before, char in zip(" " + text, text, strict=False)]
        found = list(itertools.accumulate(chars[::-1] if backwards else chars, step, initial=first))[1:]
        return found[::-1] if backwards else found

    return values


def _since(marks: str, most: int, first: int = 0, *, backwards: bool = False) -> Callable[[str], list[int]]:
    """Returns a feature: the number of characters since one of these marks, at most `most`."""
    return _scan(lambda n, char: 0 if char[0] in marks else min(n + 1, most), first, backwards=backwards)


def _indented(text: str) -> Iterator[float]:
    for line in re.findall(r"[^\n]*\n|[^\n]+", text):
        depth = len(line) - len(line.lstrip(" \t"))
        yield from (min(at + 1, depth) for at in range(len(line)))


def _after_quote(inside: bool, char: str) -> bool:
    """Returns whether a text is inside double quotes after a character; a blank line ends quotes left open."""
    if char == '"':
        return not inside
    return char in "“«" if char in "“”«»" else inside and char != "\n\n"


_quoted = _scan(_after_quote, False)
_asked = _scan(lambda asked, char: char == "?" if char in ".!?" else asked, False, backwards=True)
_words = _scan(lambda word, char: word + char if char.isalnum() or (word and char in "'’_") else "", "")
_left_in_line = _since("\n", _FAR, -1, backwards=True)
_brackets = _scan(lambda n, char: max(0, n + (char in "([{") - (char in ")]}")), 0)
_lines_since_blank = _scan(lambda n, char: 0 if char == "\n\n" else n + (char == "\n"), 0)
_words_in_line = _scan(lambda n, char: 0 if char[0] == "\n" else n + (char == " "), 0)


FEATURES = (
    Feature("vowel", _inside("[aeiouäöüyAEIOUÄÖÜY]")),
    Feature("space or line end", _inside(r"\s")),
    Feature("line begins", _inside("\n")),
    Feature("punctuation", _inside("[.,;:!?]")),
    Feature("capital letter", lambda text: map(str.isupper, text)),
    Feature("digit", lambda text: map(str.isdigit, text)),
    Feature("inside a word that began with a capital", lambda text: (word[:1].isupper() for word in _words(text))),
    Feature("inside a word all in capitals", lambda text: (word[1:] != "" and word.isupper() for word in _words(text))),
    Feature("in a speaker's name", _inside(r"(?m)^.[^,\n]{0,38}:$\n?", lambda name: name[0].isupper())),
    Feature("in the first word of the line", _inside(r"(?m)^(?:[^\n][^ \n]*|\n)")),
    Feature("inside quotes", _quoted),
    Feature("inside brackets", lambda text: (n > 0 for n in _brackets(text))),
    Feature("after a comma in the line", _inside(r",[^\n]*")),
    Feature("after a colon in the line", _inside(r":[^\n]*")),
    Feature("after an equals sign in the line", _inside(r"=[^\n]*")),
    Feature("in a comment", _inside(r"#[^\n]*")),
    Feature("line end near", lambda text: (n <= 5 for n in _left_in_line(text))),
    Feature("in a question", _asked),
    Feature("first line after a blank one", lambda text: (n == 0 for n in _lines_since_blank(text))),
    Feature("place in the line", _since("\n", _FAR), binary=False),
    Feature("characters left in the line", _left_in_line, binary=False),
    Feature("place in the word", lambda text: (min(len(word), 12) for word in _words(text)), binary=False),
    Feature("words in the line so far", _words_in_line, binary=False),
    Feature("lines since a blank one", lambda text: (min(n, 10) for n in _lines_since_blank(text)), binary=False),
    Feature("characters since the sentence began", _since(".!?", 120), binary=False),
    Feature("characters since punctuation", _since(".,;:!?", 60), binary=False),
    Feature("indentation", _indented, binary=False),
    Feature("brackets open", _brackets, binary=False),
)
