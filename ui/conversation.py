"""The texts that models have read, with the cells that were clamped meanwhile, and a cache of the states after them.

A page keeps the text of its conversation and sends it with each request. The model's state is computed from it. Any
cached state may be removed at any time. The engine then reads the text again, and computes the same state.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

import numpy as np

from model import LSTMState, Memory
from model.clamps import Clamps, Stretches, clamps_at

from .registry.loaded_model import LoadedModel

MAX_BYTES = 16 << 20  # 1,000 states of the bundled model: with 32 MB, 500 conversations and 10,000 visits took 64 MB
_BYTES_EACH = 1 << 10  # of a memory without its tensors, and of its key
Value = TypeVar("Value")


@dataclass(frozen=True)
class ReadText:
    """A text that a model has read, or has still to read.

    Attributes:
        served: the model.
        text: prompts and replies since the state was zero.
        start: whether the model read its start character before the text. It always does if it knows no character of
            the text.
        clamps: pairs of a position and the cells that are clamped from the step on that reads this position; -1 is the
            start character. The step that reads the last known character belongs to the reply that follows, whose
            clamps are not among these.
        last: the position of the last character that the model knows; -1 is the start character.
    """

    served: LoadedModel
    text: str
    start: bool = False
    clamps: Stretches = ()
    last: int = field(init=False)

    def __post_init__(self) -> None:
        (last,) = self._last_before([len(self.text)])
        object.__setattr__(self, "last", last)
        object.__setattr__(self, "start", self.start or last < 0)
        object.__setattr__(self, "clamps", tuple(_changes(self.clamps, last)))

    def followed_by(self, reply: str, cells: Clamps) -> ReadText:
        """Returns the text with a reply that was written with clamped cells."""
        clamps = (*self.clamps, (self.last, cells))
        return replace(self, text=self.text + reply, clamps=clamps)

    def unread_clamps(self, length: int) -> Stretches:
        """Returns the clamps for reading the rest of the text after its first ``length`` characters.

        Positions count from there.
        """
        (last,) = self._last_before([length])
        later = [(position - length, clamps) for position, clamps in self.clamps if position > length]
        # The last known character of the beginning is read with the rest, as position -1.
        stretches = [(-1, clamps_at(self.clamps, last)), (0, clamps_at(self.clamps, length)), *later]
        return stretches if any(clamps for _, clamps in stretches) else ()

    def keys(self, lengths: Iterable[int]) -> Iterator[tuple[int, str]]:
        """Yields each length of a beginning, shortest first, with a key: equal keys mean equal states after it."""
        for length, text, clamps in self._hashes(sorted(lengths)):
            yield length, _key(text, clamps)

    def key_with(self, cells: Clamps) -> Callable[[str], str]:
        """Returns a function that returns the key of the text with a reply, which was written with clamped cells.

        The function needs neither the text nor its clamps in memory.
        """
        ((_, text, clamps),) = self._hashes([len(self.text)])
        change = _of_change((self.last, cells)) if cells != clamps_at(self.clamps, self.last) else b""
        return lambda reply: _key(text, clamps, reply, change if reply else b"")

    def _hashes(self, lengths: list[int]) -> Iterator[tuple[int, Any, Any]]:
        """Yields each length with a hash of the text so far, and one of its clamps."""
        parts = self.served.parts or (self.served,)
        models = [[part.name, part.commit] for part in parts]
        head = json.dumps([models, self.served.engine.precision, self.start]) + "\n"
        sha, done = hashlib.sha256(head.encode()), 0
        clamps, changes = hashlib.sha256(), deque(self.clamps)
        for length, last in zip(lengths, self._last_before(lengths), strict=True):
            sha.update(_of_text(self.text[done:length]))
            done = length
            while changes and changes[0][0] < last:
                clamps.update(_of_change(changes.popleft()))
            yield length, sha, clamps

    def _last_before(self, lengths: list[int]) -> list[int]:
        """Returns the positions of the last known characters before lengths of the text; -1 is the start character."""
        known = np.flatnonzero(self.served.lm.tokenizer.in_vocab(self.text))
        return list(map(int, np.append(-1, known)[np.searchsorted(known, lengths)]))


def _of_text(text: str) -> bytes:
    return text.encode("utf-32-le", "surrogatepass")


def _of_change(change: tuple[int, Clamps]) -> bytes:
    return json.dumps(change).encode()


def _key(text: Any, clamps: Any, reply: str = "", change: bytes = b"") -> str:
    whole, changes = text.copy(), clamps.copy()
    changes.update(change)
    whole.update(_of_text(reply) + changes.digest())
    return str(whole.hexdigest())


def _changes(clamps: Stretches, before: int) -> Iterator[tuple[int, Clamps]]:
    """Yields the clamps that apply before a position, without those that change nothing."""
    current: Clamps = ()
    for change in clamps:
        position, each = change
        if position < before and each != current:
            current = each
            yield change  # not a copy: there may be thousands


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
    """A prefix cache: the LSTM states after texts, so that a conversation is not read again. Safe in any thread."""

    def __init__(self) -> None:
        self._memories = FairCache(MAX_BYTES, _size)
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
