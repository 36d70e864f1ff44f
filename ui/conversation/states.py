"""A prefix cache: the LSTM states after the texts that models have read, so that a conversation is not read again.

Any state may be removed at any time. The engine then reads the text again, and computes the same state.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from model import LSTMState, Memory

from .read_text import ReadText

Value = TypeVar("Value")
MAX_BYTES = 16 << 20  # 1,000 states of the bundled model: with 32 MB, 500 conversations and 10,000 visits took 64 MB
_BYTES_EACH = 1 << 10  # of a memory without its tensors, and of its key


class FairCache(Generic[Value]):
    """A cache whose clients share its room: what one client stores cannot remove what the others have stored.

    When it is full, the oldest value of the client that holds most goes. The values with the newest use are the last
    ones. Not safe in several threads.

    Args:
        most: the size of all values together.
        size_of: returns the size of a value.

    Attributes:
        size: the size of all values.
    """

    def __init__(self, most: int, size_of: Callable[[Value], int] = lambda _: 1) -> None:
        self._most = most
        self._size_of = size_of
        self._values: OrderedDict[str, tuple[str, Value]] = OrderedDict()
        self._held: Counter[str] = Counter()
        self.size = 0

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[tuple[str, Value]]:
        return iter([(key, value) for key, (_, value) in self._values.items()])

    def get(self, key: str) -> Value | None:
        """Returns the value of a key, whose newest use this is; None without one."""
        if key not in self._values:
            return None
        self._values.move_to_end(key)
        return self._values[key][1]

    def put(self, key: str, value: Value, client: str) -> None:
        """Stores a value of a client, and removes others until the cache is not too full."""
        self.remove(key)
        self._values[key] = client, value
        self._count(client, self._size_of(value))
        while self.size > self._most:
            ((largest, _),) = self._held.most_common(1)
            self.remove(next(key for key, (client, _) in self._values.items() if client == largest))

    def remove(self, key: str) -> None:
        """Removes the value of a key, if there is one."""
        if key in self._values:
            client, value = self._values.pop(key)
            self._count(client, -self._size_of(value))

    def _count(self, client: str, size: int) -> None:
        self.size += size
        self._held[client] += size
        if not self._held[client]:
            del self._held[client]


class States:
    """A cache of states up to a number of bytes. Safe in any thread."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._memories = FairCache(max_bytes, _size)
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._memories)

    @property
    def bytes(self) -> int:
        """The size of all states."""
        return self._memories.size

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
        keys = list(read.keys(sorted(lengths)))
        with self._lock:
            for beginning, key in reversed(keys):
                if memory := self._memories.get(key):
                    return memory, beginning
        empty = Memory(LSTMState.zeros(lm.config, device=lm.device), lm.tokenizer.start_id) if read.start else None
        return empty, 0

    def save(self, read: ReadText, memory: Memory, client: str = "") -> None:
        """Caches the memory after a text of a client."""
        keys = list(read.keys([len(read.text)]))
        with self._lock:
            for _, key in keys:
                self._memories.put(key, memory, client)


def _size(memory: Memory) -> int:
    return memory.state.h.nbytes + memory.state.c.nbytes + _BYTES_EACH
