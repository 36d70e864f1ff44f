"""Blocked words: searched in a text while it is generated, so that clients get no part of one.

A word matches as a whole word, in upper or lower case and in any Unicode form: "Damn" is in "damn!" and in "ＤＡＭＮ",
not in "damnation". In scripts without spaces between words it matches everywhere.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Literal, NamedTuple

MAX_WORDS = 10_000
MAX_WORD = 100  # characters
_CONTEXT = 1000  # characters before a text that are searched for the beginning of a blocked word
_WITHOUT_SPACES = ("CJK", "HIRAGANA", "KATAKANA", "BOPOMOFO", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN")

Trie = dict[str, "Trie"]  # from each character to the rest of the words; the key "" marks the end of a word
Kind = Literal["letter", "mark", "alone", "other"]


class BlockedWords:
    """A list of words or phrases. A space in a phrase matches any white space.

    Args:
        words: at most 10,000, of at most 100 characters each.

    Raises:
        ValueError: there are too many words, or a word is too long or has no visible character.
    """

    def __init__(self, words: Iterable[str] = ()) -> None:
        self._trie: Trie = {}
        self._begin_after_letters = False  # "#x" begins after a letter, too, as in "a#x"
        words = list(words)
        if len(words) > MAX_WORDS:
            raise ValueError(f"{len(words):,} words are blocked: at most {MAX_WORDS:,} can be")
        for word in words:
            folded = _fold_word(word)
            if len(word) > MAX_WORD or not folded:
                reason = f"at most {MAX_WORD} are allowed" if folded else "none of them is visible"
                raise ValueError(f"the blocked word {word[:20]!r} has {len(word)} characters: {reason}")
            self._begin_after_letters |= _kind(folded[0]) == "other"
            node = self._trie
            for character in folded:
                node = node.setdefault(character, {})
            node[""] = {}

    def __bool__(self) -> bool:
        return bool(self._trie)

    def inside(self, text: str) -> bool:
        """Returns whether a text contains one of the words."""
        if not self:
            return False
        watch = WordWatch(self._trie)
        return any(watch.add(character) for character in text) or watch.end()

    def watch(self, context: str = "") -> WordWatch:
        """Returns a watch for a text that will grow after `context`, in which a word may have begun."""
        watch = WordWatch(self._trie)
        for character in context[-_CONTEXT:]:
            watch.add(character)
        return watch.restart()

    def may_follow(self, character: str) -> bool:
        """Returns whether one of the words may begin after this character."""
        return self._begin_after_letters or _kind(character) != "letter"


class _Match(NamedTuple):
    """A part of the text that may become a blocked word."""

    start: int  # position in the text
    node: Trie  # what may follow


class WordWatch:
    """Searches a text that grows by one character at a time.

    Args:
        trie: the folded words.
    """

    def __init__(self, trie: Trie) -> None:
        self._trie = trie
        self._matches: list[_Match] = []  # the earliest first
        self._previous = "\n"
        self._length = 0
        self._found_at: int | None = None

    @property
    def length(self) -> int:
        """The number of characters added so far."""
        return self._length

    @property
    def safe_length(self) -> int:
        """The number of characters before the first blocked word, or before text that may become one."""
        starts = [match.start for match in self._matches[:1]] if self._found_at is None else [self._found_at]
        return max(0, min(starts, default=self._length))

    @property
    def found(self) -> bool:
        """Whether the text contains a blocked word; the search then ends."""
        return self._found_at is not None

    def restart(self) -> WordWatch:
        """Makes the text so far the context: positions are counted from here on. Returns this watch."""
        self._matches = [_Match(match.start - self._length, match.node) for match in self._matches]
        self._length, self._found_at = 0, None
        return self

    def add(self, character: str) -> bool:
        """Adds the next character; returns whether a blocked word ended before it."""
        if self.found:
            return True
        position, self._length = self._length, self._length + 1
        folded = _fold(character)
        if not folded or (folded == " " and self._previous.isspace()):
            return False  # invisible characters are ignored, and several white-space characters count as one space
        if _word_may_end(self._previous, character):
            if self.end():
                return True
            self._matches.append(_Match(position, self._trie))
        self._matches = [_Match(start, rest) for start, node in self._matches if (rest := _descend(node, folded))]
        self._previous = character
        return False

    def end(self) -> bool:
        """Ends the text here; returns whether it ends with, or contains, a blocked word."""
        if self._found_at is None:
            self._found_at = next((start for start, node in self._matches if "" in node), None)
        return self.found


def _descend(node: Trie, folded: str) -> Trie | None:
    for character in folded:
        if character not in node:
            return None
        node = node[character]
    return node


def _word_may_end(before: str, after: str) -> bool:
    """Returns whether a word may end between two characters."""
    first, second = _kind(before), _kind(after)
    return second != "mark" and not (first in ("letter", "mark") and second == "letter")


@lru_cache(4096)
def _fold(character: str) -> str:
    """Returns the same text for all Unicode forms and cases of a character; "" for an invisible one."""
    if unicodedata.category(character) == "Cf":  # joiners, soft hyphens, marks of direction
        return ""
    if character.isspace():
        return " "
    whole = unicodedata.normalize("NFKD", character)
    return unicodedata.normalize("NFKD", whole.casefold())


def _fold_word(word: str) -> str:
    return " ".join("".join(map(_fold, word)).split())


@lru_cache(4096)
def _kind(character: str) -> Kind:
    """Returns letter (or digit), mark (over a letter), alone (a letter of a script without spaces) or other."""
    category = unicodedata.category(character)
    if category[0] == "M":
        return "mark"
    if not character.isalnum():
        return "other"
    name = unicodedata.name(unicodedata.normalize("NFKC", character)[0], "")
    return "alone" if name.startswith(_WITHOUT_SPACES) else "letter"
