"""Words that nobody is to see: found in a text while it grows, before any part of one has been shown.

A word counts whole, in any case and however its characters are encoded: "Damn" is in "damn!" and in "ＤＡＭＮ", not in
"damnation". In scripts that put no space between words it counts wherever it stands. Knows text only.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

MAX_WORDS = 10_000
MAX_WORD = 100  # characters
_TAIL = 1000  # characters of what stands before a text in which a word may have begun
_WITHOUT_SPACES = ("CJK", "HIRAGANA", "KATAKANA", "BOPOMOFO", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN")

Tree = dict[str, "Tree"]  # by the next character; "" where a word ends


class BlockedWords:
    """A list of words, or phrases: a space in one is any white space.

    Args:
        words: at most 10,000.

    Raises:
        ValueError: there are more, or one has over 100 characters or none to be seen.
    """

    def __init__(self, words: Iterable[str] = ()) -> None:
        self._tree: Tree = {}
        self._anywhere = False  # whether one may begin after a letter too, as "#x" does in "a#x"
        words = list(words)
        if len(words) > MAX_WORDS:
            raise ValueError(f"{len(words):,} words are blocked: at most {MAX_WORDS:,} can be")
        for word in words:
            folded = _fold_all(word)
            if len(word) > MAX_WORD or not folded:
                reason = f"at most {MAX_WORD} are allowed" if folded else "none of them to be seen"
                raise ValueError(f"the blocked word {word[:20]!r} has {len(word)} characters: {reason}")
            self._anywhere |= _kind(folded[0]) == "other"
            node = self._tree
            for character in folded:
                node = node.setdefault(character, {})
            node[""] = {}

    def __bool__(self) -> bool:
        return bool(self._tree)

    def inside(self, text: str) -> bool:
        """Whether one of the words is in a text."""
        if not self:
            return False
        watch = Watch(self)
        return any(watch.add(character) for character in text) or watch.end()

    def watch(self, before: str = "") -> Watch:
        """Watches a text that follows another, at whose end a word may have begun."""
        watch = Watch(self)
        for character in before[-_TAIL:]:
            watch.add(character)
        return watch.begin()

    def may_follow(self, character: str) -> bool:
        """Whether one of the words may begin after this character."""
        return self._anywhere or _kind(character) != "letter"


class _Begun(NamedTuple):
    """What may become a word: where it begins, and how far into the tree it goes."""

    start: int
    node: Tree


class Watch:
    """A text that grows by a character at a time."""

    def __init__(self, words: BlockedWords) -> None:
        self._tree = words._tree
        self._begun: list[_Begun] = []  # the longest first
        self._before = "\n"
        self._position = 0
        self._found: int | None = None

    @property
    def length(self) -> int:
        """How many characters were added."""
        return self._position

    @property
    def free(self) -> int:
        """How many characters of the text may be seen: not those that are, or may become, one of the words."""
        starts = [each.start for each in self._begun[:1]] if self._found is None else [self._found]
        return max(0, min(starts, default=self._position))

    @property
    def found(self) -> bool:
        """Whether one of the words stands there; then nothing more is looked at."""
        return self._found is not None

    def begin(self) -> Watch:
        """What was added so far stands before the text."""
        self._begun = [_Begun(each.start - self._position, each.node) for each in self._begun]
        self._position, self._found = 0, None
        return self

    def add(self, character: str) -> bool:
        """Takes the next character; returns whether one of the words stood before it."""
        if self.found:
            return True
        position, self._position = self._position, self._position + 1
        folded = _fold(character)
        if not folded or (folded == " " and self._before.isspace()):
            return False  # what cannot be seen parts nothing, and white space is one space however long
        if _parted(self._before, character):
            if self.end():
                return True
            self._begun.append(_Begun(position, self._tree))
        self._begun = [_Begun(start, after) for start, node in self._begun if (after := _walk(node, folded))]
        self._before = character
        return False

    def end(self) -> bool:
        """The text ends here; returns whether one of the words is its end."""
        if self._found is None:
            self._found = next((start for start, node in self._begun if "" in node), None)
        return self.found


def _walk(node: Tree, folded: str) -> Tree | None:
    for character in folded:
        if character not in node:
            return None
        node = node[character]
    return node


def _parted(before: str, after: str) -> bool:
    """Whether a word may end between two characters."""
    kinds = _kind(before), _kind(after)
    if kinds[1] == "mark":
        return False
    return not (kinds[0] in ("letter", "mark") and kinds[1] == "letter")


@lru_cache(4096)
def _fold(character: str) -> str:
    """The same for all ways to write a character; "" for what cannot be seen."""
    if unicodedata.category(character) == "Cf":  # a joiner, a soft hyphen, a direction
        return ""
    if character.isspace():
        return " "
    whole = unicodedata.normalize("NFKD", character)
    return unicodedata.normalize("NFKD", whole.casefold())


def _fold_all(word: str) -> str:
    return " ".join("".join(map(_fold, word)).split())


@lru_cache(4096)
def _kind(character: str) -> str:
    """letter (or digit), mark (over one), alone (a letter of a script without spaces), other."""
    category = unicodedata.category(character)
    if category[0] == "M":
        return "mark"
    if not character.isalnum():
        return "other"
    name = unicodedata.name(unicodedata.normalize("NFKC", character)[0], "")
    return "alone" if name.startswith(_WITHOUT_SPACES) else "letter"
