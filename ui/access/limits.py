"""Limits the requests of one address, so that no visitor keeps the app from the others.

Each limit is a leaky bucket: one of 600 per minute drains 10 per second, so it allows 600 at once after a pause. The
addresses of this machine have no limit: they are its owner's, or those of a proxy that does not name its clients.
"""

from __future__ import annotations

import math
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields

from ..messages import RefusalError
from ..settings import whole_variable
from .addresses import group_of, is_this_machine

MAX_CLIENTS = 10_000  # whose use is stored; of more, those that sent the newest requests
MAX_LIMIT = 10**9
HALF_LIFE_S = 30.0
_BYTE_S = 5e-6  # what a byte of a body counts as seconds of a core before it is read: small requests come first
BODIES_AT_ONCE = 8 << 20  # bytes of requests that are answered, of all addresses; parsed they take ten times as much
REQUESTS_AT_ONCE = 256  # a page has up to six connections, and a class of 30 has 180


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits of one address: an IPv4 address or an IPv6 network of 64 bits. 0 is no limit.

    The defaults let a class of 30 people behind one address open the page at once, and write at full speed.

    Attributes:
        requests_per_minute: HTTP requests; opening the page takes about 150.
        megabytes_per_minute: bytes of the bodies of requests, in 10^6.
        cpu_seconds_per_minute: seconds of a core for reading requests, for lenses, /score, /inspect and probabilities.
        replies_at_once: replies that are written or wait, on the page and over the API together.
        characters_per_minute: characters of prompts that are read and of replies that are written.
    """

    requests_per_minute: int = 6_000
    megabytes_per_minute: int = 120
    cpu_seconds_per_minute: int = 60
    replies_at_once: int = 64
    characters_per_minute: int = 600_000

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Limits:
        """Returns the limits in environment variables, whose names are those of the attributes in capitals.

        Raises:
            ValueError: a variable is not allowed; the message has its name, its value and the rule.
        """
        names = [each.name for each in fields(cls)]
        return cls(
            **{name: whole_variable(environment, name.upper(), getattr(cls, name), 0, MAX_LIMIT) for name in names}
        )


class Usage:
    """What each client has used lately, in seconds of a core; it halves every ``HALF_LIFE_S``."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._used: OrderedDict[str, tuple[float, float]] = OrderedDict()  # amount, and when it was that

    def __len__(self) -> int:
        return len(self._used)

    def used(self, client: str) -> float:
        """Returns how much of what a client has used still counts."""
        amount, at = self._used.get(client, (0.0, 0.0))
        return self._left(amount, self._clock() - at)

    def spend(self, client: str, amount: float) -> None:
        """Counts what a client has used, also beyond a limit; a negative amount is given back."""
        self._used[client] = max(0.0, self.used(client) + amount), self._clock()
        self._used.move_to_end(client)
        while len(self._used) > MAX_CLIENTS:
            self._used.popitem(last=False)

    def _left(self, amount: float, seconds: float) -> float:
        return amount * 0.5 ** (seconds / HALF_LIFE_S)


class Bucket(Usage):
    """The leaky buckets of one limit, one for each client.

    Args:
        per_minute: how much a client may use; 0 is no limit.
        clock: returns the time in seconds.
    """

    def __init__(self, per_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self._most = per_minute

    def wait_s(self, client: str) -> float:
        """Returns the seconds until a client may use the limit again, by any amount at once; 0 if it may now."""
        return max(0.0, (self.used(client) + 1 - self._most) * 60 / self._most) if self._most else 0.0

    def spend(self, client: str, amount: float) -> None:
        """Counts what a client has used, unless there is no limit."""
        if self._most:
            super().spend(client, amount)

    def _left(self, amount: float, seconds: float) -> float:
        return max(0.0, amount - seconds * self._most / 60)


class Limiter:
    """Counts what all addresses use, and raises RefusalError at a limit. Belongs to one event loop."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.requests = Bucket(limits.requests_per_minute)
        self.megabytes = Bucket(limits.megabytes_per_minute)
        self.cpu_seconds = Bucket(limits.cpu_seconds_per_minute)
        self.characters = Bucket(limits.characters_per_minute)
        self.usage = Usage()
        self._replies: Counter[str] = Counter()
        self._requests: Counter[str] = Counter()
        self._bodies: Counter[str] = Counter()

    @contextmanager
    def request(self, address: str) -> Iterator[None]:
        """Counts a request inside the context.

        Raises:
            RefusalError: the address has sent too many requests.
        """
        client = self._check(self.requests, address)
        if self._requests[client] >= REQUESTS_AT_ONCE and not is_this_machine(address):
            raise RefusalError("refusal.requests_at_once", wait_s=1, most=REQUESTS_AT_ONCE)
        self._spend(self.requests, address, 1)
        with counted(self._requests, client):
            yield

    @contextmanager
    def reply(self, address: str, characters: int) -> Iterator[None]:
        """Counts a reply inside the context, and the characters that it may read and write.

        Raises:
            RefusalError: the address has too many replies, or too many characters.
        """
        client, most = self._check(self.characters, address), self.limits.replies_at_once
        if 0 < most <= self._replies[client] and not is_this_machine(address):
            raise RefusalError("refusal.replies_at_once", wait_s=1, most=most)
        self._spend(self.characters, address, characters)
        with counted(self._replies, client):
            yield

    def give_back(self, address: str, characters: int) -> None:
        """Gives back the characters that a reply has not written."""
        self._spend(self.characters, address, -characters)

    @contextmanager
    def body(self, address: str, size: int) -> Iterator[None]:
        """Counts the bytes of a body that will be received, and is in memory inside the context.

        Raises:
            RefusalError: the address has sent too many bytes; or all bodies together are too large, and its own
                larger than its share of what may still be received.
        """
        client = self._check(self.megabytes, address)
        self._spend(self.megabytes, address, size / 1e6)
        total, own = self._bodies.total() + size, self._bodies[client] + size
        if total > BODIES_AT_ONCE and own * len({*self._bodies, client}) > 2 * BODIES_AT_ONCE - total:
            raise RefusalError("refusal.too_many", wait_s=1, seconds=1)
        self.usage.spend(client, size * _BYTE_S)
        with counted(self._bodies, client, size):
            yield

    def check_cpu(self, address: str) -> None:
        """Checks that an address may use the processor.

        Raises:
            RefusalError: it has used too much of it.
        """
        self._check(self.cpu_seconds, address)

    def spend_cpu(self, address: str, seconds: float) -> None:
        """Counts the time that a core has worked for an address."""
        self.usage.spend(group_of(address), seconds)
        self._spend(self.cpu_seconds, address, seconds)

    def _check(self, bucket: Bucket, address: str) -> str:
        """Returns what the limits count as the client; raises RefusalError if it is over a limit."""
        client = group_of(address)
        wait_s = 0.0 if is_this_machine(address) else bucket.wait_s(client)
        if wait_s:
            seconds = max(1, math.ceil(wait_s))
            raise RefusalError("refusal.too_many", wait_s=seconds, seconds=seconds)
        return client

    def _spend(self, bucket: Bucket, address: str, amount: float) -> None:
        if not is_this_machine(address):
            bucket.spend(group_of(address), amount)


@contextmanager
def counted(counter: Counter[str], client: str, amount: int = 1) -> Iterator[None]:
    """Adds an amount to the count of a client inside the context. A count of 0 is removed."""
    counter[client] += amount
    try:
        yield
    finally:
        counter[client] -= amount
        if counter[client] <= 0:
            del counter[client]
