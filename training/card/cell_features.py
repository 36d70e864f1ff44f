"""Features of a text with which cells are compared; each has a value at every character.

The value at a character is that after the character is read; binary features are 0 or 1. Some features depend on the
rest of the text, such as the characters left in the line: a cell that follows one of these predicts the text.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float32]

_OPEN, _CLOSE = "([{", ")]}"
_NEAR = 5  # characters before the end of a line
_FAR = 60  # the largest place in a line; later places have this value
_MAX_SPEAKER = 40  # characters of a line that is a name and a colon


@dataclass(frozen=True)
class Feature:
    """A property of a text at each character.

    Attributes:
        name: the name on the model card and on the page.
        values: called with a text; yields a value for each character.
        binary: whether the values are 0 (false) and 1 (true); otherwise they are numbers.
    """

    name: str
    values: Callable[[str], Iterable[float]]
    binary: bool = True

    def of(self, text: str) -> Values:
        """Returns the values (T,) float32 for a text of T characters."""
        return np.fromiter(self.values(text), np.float32, len(text))


def _each(test: Callable[[str], bool]) -> Callable[[str], Iterable[float]]:
    return lambda text: (float(test(char)) for char in text)


def _counted(step: Callable[[int, str], int]) -> Callable[[str], Iterable[float]]:
    """Returns a feature that is a count from 0: `step` returns the next count from the last one and a character."""

    def values(text: str) -> Iterable[float]:
        count = 0
        for char in text:
            count = step(count, char)
            yield float(count)

    return values


def _lines(text: str) -> Iterable[str]:
    """Yields the lines of a text with their ends; only \\n ends a line."""
    start = 0
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end + 1
        yield text[start:end]
        start = end


def _by_line(of_line: Callable[[str], Iterable[float]]) -> Callable[[str], Iterable[float]]:
    return lambda text: itertools.chain.from_iterable(of_line(line) for line in _lines(text))


def _left_of_line(line: str) -> Iterable[float]:
    return (float(min(len(line) - 1 - at, _FAR)) for at in range(len(line)))


def _near_end(line: str) -> Iterable[float]:
    return (float(len(line) - 1 - at <= _NEAR) for at in range(len(line)))


def _speaker(line: str) -> Iterable[float]:
    name = line.rstrip("\n")
    is_name = name.endswith(":") and 1 < len(name) <= _MAX_SPEAKER and name[0].isupper() and "," not in name
    return itertools.repeat(float(is_name), len(line))


def _indented(line: str) -> Iterable[float]:
    depth = len(line) - len(line.lstrip(" \t"))
    return (float(min(at + 1, depth)) for at in range(len(line)))


def _first_word(line: str) -> Iterable[float]:
    end = next((at for at, char in enumerate(line) if char in " \n" and at), len(line))
    return (float(at < end) for at in range(len(line)))


def _after_in_line(marks: str) -> Callable[[str], Iterable[float]]:
    """Returns a feature that is true once the line has one of these characters."""
    return _counted(lambda found, char: 0 if char == "\n" else max(found, int(char in marks)))


def _quoted(text: str) -> Iterable[float]:
    """Yields 1 inside double quotes, straight or curved; a blank line ends quotes that were not closed."""
    inside, before = False, ""
    for char in text:
        if char in "“”«»":
            inside = char in "“«"
        elif char == '"':
            inside = not inside
        elif char == before == "\n":
            inside = False
        before = char
        yield float(inside)


_depth = _counted(lambda n, char: max(0, n + (char in _OPEN) - (char in _CLOSE)))


def _words(text: str) -> Iterable[tuple[str, int]]:
    """Yields, for each character, the part of its word read so far and its length; ("", 0) between words."""
    word = ""
    for char in text:
        word = word + char if char.isalnum() or (word and char in "'’_") else ""
        yield word, len(word)


def _speech_line(text: str) -> Iterable[float]:
    """Yields the number of lines since the last blank one, at most 10."""
    count, before = 0, ""
    for char in text:
        if char == "\n":
            count = 0 if before == "\n" else count + 1
        before = char
        yield float(min(count, 10))


def _questions(text: str) -> Iterable[float]:
    """Yields 1 in a sentence that ends with a question mark."""
    start = 0
    for at, char in enumerate(text):
        if char in ".!?" or at == len(text) - 1:
            yield from itertools.repeat(float(char == "?"), at + 1 - start)
            start = at + 1


FEATURES = (
    Feature("vowel", _each(lambda char: char.lower() in "aeiouäöüy")),
    Feature("space or line end", _each(str.isspace)),
    Feature("line begins", _each(lambda char: char == "\n")),
    Feature("punctuation", _each(lambda char: char in ".,;:!?")),
    Feature("capital letter", _each(str.isupper)),
    Feature("digit", _each(str.isdigit)),
    Feature("inside a word that began with a capital", lambda text: (float(w[:1].isupper()) for w, _ in _words(text))),
    Feature(
        "inside a word all in capitals",
        lambda text: (float(place > 1 and word.isupper()) for word, place in _words(text)),
    ),
    Feature("in a speaker's name", _by_line(_speaker)),
    Feature("in the first word of the line", _by_line(_first_word)),
    Feature("inside quotes", _quoted),
    Feature("inside brackets", lambda text: (float(n > 0) for n in _depth(text))),
    Feature("after a comma in the line", _after_in_line(",")),
    Feature("after a colon in the line", _after_in_line(":")),
    Feature("after an equals sign in the line", _after_in_line("=")),
    Feature("in a comment", _after_in_line("#")),
    Feature("line end near", _by_line(_near_end)),
    Feature("in a question", _questions),
    Feature("first line after a blank one", lambda text: (float(n == 0) for n in _speech_line(text))),
    Feature("place in the line", _counted(lambda n, char: 0 if char == "\n" else min(n + 1, _FAR)), binary=False),
    Feature("characters left in the line", _by_line(_left_of_line), binary=False),
    Feature("place in the word", lambda text: (float(min(place, 12)) for _, place in _words(text)), binary=False),
    Feature(
        "words in the line so far", _counted(lambda n, char: 0 if char == "\n" else n + (char == " ")), binary=False
    ),
    Feature("lines since a blank one", _speech_line, binary=False),
    Feature("characters since the sentence began", _counted(lambda n, c: 0 if c in ".!?" else min(n + 1, 120)), False),
    Feature("characters since punctuation", _counted(lambda n, c: 0 if c in ".,;:!?" else min(n + 1, 60)), False),
    Feature("indentation", _by_line(_indented), binary=False),
    Feature("brackets open", _depth, binary=False),
)
