"""Who can read the sources of a text, and what published files may therefore quote of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..card.summary import Quotes
from ..corpus.decode import Reading
from ..corpus.sources import is_public
from ..run.facts import PublicText


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Who can read the sources of a text.

    Attributes:
        public: where anyone can read the whole text; None if a part is a file of this machine, or is closed.
        closed: the addresses that not everyone can read: private and gated datasets, addresses that may hold a secret.
    """

    public: PublicText | None
    closed: frozenset[str]

    def quotes(self, *, is_chat: bool, quote_chat: bool) -> Quotes:
        """Returns what published files may quote of a text from these sources."""
        if self.closed or (is_chat and not quote_chat):
            return "nothing"
        return "text" if self.public is not None and not is_chat else "model"


def origin_of(sources: Sequence[str], reading: Reading) -> Origin:
    """Returns who can read some sources; for datasets of the Hub, the Hub is asked."""
    closed = frozenset(source for source in sources if "://" in source and not is_public(source))
    if closed or not all("://" in source for source in sources):
        return Origin(public=None, closed=closed)
    return Origin(public={"sources": [*sources], **reading.record()}, closed=closed)
