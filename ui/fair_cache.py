"""A cache whose clients share its room: what one client stores cannot remove what the others have stored."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Value = TypeVar("Value")


class FairCache(Generic[Value]):
    """A cache of values of several clients.

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
