"""What the one who serves a page has decided about it, from the environment.

    PAGE_TITLE      the page's title; at most 60 characters
    PAGE_GREETING   what stands under it; at most 1,000 characters
    ROWS_EACH       how many replies one visitor may have written at once, by each model: 1 to 256; 4 if not given
    BLOCKED_WORDS   words that must not be seen, with commas or line ends between them; see
                    ``model.engine.blocked_words``

A variable that is empty is as one that is not there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from model import BlockedWords
from model.settings import shorten

TITLE = "char-lstm"
ROWS_EACH = 4
MAX_ROWS_EACH = 256
_LONGEST = {"PAGE_TITLE": 60, "PAGE_GREETING": 1_000}


@dataclass(frozen=True)
class SiteConfig:
    """The decisions, checked."""

    title: str = TITLE
    welcome_text: str = ""  # the page's own, in each language
    rows_each: int = ROWS_EACH
    blocked: BlockedWords = field(default_factory=BlockedWords)

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> SiteConfig:
        """What the variables say.

        Raises:
            ValueError: one of them cannot be followed; the message names it, its value and what is allowed.
        """
        said = {name: " ".join(environment.get(name, "").split()) for name in (*_LONGEST, "ROWS_EACH")}
        for name in (*_LONGEST, "BLOCKED_WORDS"):
            if re.search("[\ud800-\udfff]", environment.get(name, "")):
                raise ValueError(f"{name} is not text in UTF-8")
        for name, most in _LONGEST.items():
            if len(said[name]) > most:
                raise ValueError(f"{name} has {len(said[name]):,} characters: at most {most:,} are allowed")
        rows = said["ROWS_EACH"] or str(ROWS_EACH)
        if not re.fullmatch("[0-9]{1,3}", rows) or not 1 <= int(rows) <= MAX_ROWS_EACH:
            raise ValueError(f"ROWS_EACH is {shorten(rows)}: it must be a whole number from 1 to {MAX_ROWS_EACH}")
        words = [word.strip() for word in re.split(r"[,\r\n]", environment.get("BLOCKED_WORDS", ""))]
        try:
            blocked = BlockedWords(word for word in words if word)
        except ValueError as error:
            raise ValueError(f"BLOCKED_WORDS: {error}") from None
        return cls(said["PAGE_TITLE"] or TITLE, said["PAGE_GREETING"], int(rows), blocked)
