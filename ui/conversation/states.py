"""A prefix cache: the LSTM states after the texts that models have read, so that a conversation is not read again.

Any state may be removed at any time. The engine then reads the text again, and computes the same state.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

from model import LSTMState, Memory

from ..fair_cache import FairCache
from .read_text import ReadText

MAX_BYTES = 16 << 20  # 1,000 states of the bundled model: with 32 MB, 500 conversations and 10,000 visits took 64 MB
_BYTES_EACH = 1 << 10  # of a memory without its tensors, and of its key


class States:
    """A cache of states up to a number of bytes. Safe in any thread."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._memories = FairCache(max_bytes, _size)
        self._lock = threading.Lock()

    def find(self, read: ReadText, boundaries: Iterable[int] = ()) -> tuple[Memory | None, int]:
        """Returns the memory after the longest cached beginning of a text, and the length of this beginning.

        Args:
            read: the text.
            boundaries: the lengths of the beginnings that are looked up, beside the whole text.

        Returns:
            Without a cached beginning, the length is 0, and the memory is None, or the one before the start character
            if the model reads that.
        """
        lm, length = read.served.lm, len(read.text)
        # The memory of a reply that a chat's stop text has ended includes the stop text.
        stop = lm.chat.stop if lm.chat else ""
        ends = {each + len(stop) for each in boundaries if stop and read.text.startswith(stop, each)}
        lengths = {each for each in boundaries if 0 < each <= length} | {length} | ends
        keys = list(read.keys(lengths))
        with self._lock:
            for beginning, key in reversed(keys):
                if memory := self._memories.get(key):
                    return memory, beginning
        empty = Memory(LSTMState.zeros(lm.config, device=lm.device), lm.tokenizer.start_id) if read.start else None
        return empty, 0

    def save(self, key: str, memory: Memory, client: str = "") -> None:
        """Caches the memory after a text of a client; the key is that of the text, from `ReadText`."""
        with self._lock:
            self._memories.put(key, memory, client)


def _size(memory: Memory) -> int:
    return memory.state.h.nbytes + memory.state.c.nbytes + _BYTES_EACH
