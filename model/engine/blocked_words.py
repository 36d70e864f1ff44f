"""Blocked words: searched in a text while it is generated, so that clients get no part of one.

A word matches as a whole word, in upper or lower case and in any Unicode form: "Damn" is in "damn!" and in "ＤＡＭＮ",
not in "damnation". In scripts without spaces between words it matches everywhere.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Literal

from ..settings import UsageError

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
        UsageError: there are too many words, or a word is too long or has no visible character.
    """

    def __init__(self, words: Iterable[str] = ()) -> None:
        self._trie: Trie = {}
        words = list(words)
        if len(words) > MAX_WORDS:
            raise UsageError(f"{len(words):,} words are blocked: at most {MAX_WORDS:,} can be")
        for word in words:
            folded = " ".join("".join(map(_fold, word)).split())
            if len(word) > MAX_WORD or not folded:
                reason = f"at most {MAX_WORD} are allowed" if folded else "none of them is visible"
                raise UsageError(f"the blocked word {word[:20]!r} has {len(word)} characters: {reason}")
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
        return WordWatch(self._trie, context[-_CONTEXT:])


class WordWatch:
    """Searches a text that grows by one character at a time.

    Attributes:
        length: the number of characters added so far.
    """

    def __init__(self, trie: Trie, context: str = "") -> None:
        self.length = -len(context)  # positions in the context are negative
        self._trie = trie
        self._matches: list[tuple[int, Trie]] = []  # start and possible rest, earliest first
        self._previous = "\n"
        self._found_at: int | None = None
        for character in context:
            self.add(character)
        self.length = 0

    @property
    def safe_length(self) -> int:
        """The number of characters before the first blocked word, or before text that may become one."""
        starts = [start for start, _ in self._matches[:1]] if self._found_at is None else [self._found_at]
        return max(0, min(starts, default=self.length))

    @property
    def found(self) -> bool:
        """Whether the text contains a blocked word; the search then ends."""
        return self._found_at is not None

    def add(self, character: str) -> bool:
        """Adds the next character; returns whether a blocked word ended before it."""
        if self.found:
            return True
        position, self.length = self.length, self.length + 1
        folded = _fold(character)
        if not folded or (folded == " " and self._previous.isspace()):
            return False  # invisible characters are ignored, and several white-space characters count as one space
        if _word_may_end(self._previous, character):
            if self.end():
                return True
            self._matches.append((position, self._trie))
        self._matches = [(start, rest) for start, node in self._matches if (rest := _descend(node, folded))]
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
