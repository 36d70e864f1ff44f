"""Limits the requests of one address, so that no visitor keeps the app from the others.

Each limit is a leaky bucket: one of 600 per minute drains 10 per second, so it allows 600 at once after a pause. The
addresses of this machine have no limit: they are its owner's, or those of a proxy that does not name its clients.
"""

from __future__ import annotations

import math
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

from ..messages import RefusalError, Value
from .clients import group_of, is_this_machine

MAX_CLIENTS = 10_000  # whose use is stored; of more, those that sent the newest requests
MAX_LIMIT = 10**9
HALF_LIFE_S = 30.0
_BYTE_S = 1e-6  # what a byte of a body counts as seconds of a core before it is read: small requests come first
BODIES_AT_ONCE = 16 << 20  # bytes of requests that are answered, of all addresses; parsed they take ten times as much
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
        given = {}
        for each in fields(cls):
            text = environment.get(each.name.upper(), "").strip()
            if not text:
                continue
            if not (text.isascii() and text.isdecimal() and len(text) <= 10 and int(text) <= MAX_LIMIT):
                rule = f"it must be a whole number from 0 (no limit) to {MAX_LIMIT:,}"
                raise ValueError(f"{each.name.upper()} is {text!r:.40}: {rule}")
            given[each.name] = int(text)
        return cls(**given)


class TooManyError(RefusalError):
    """An address has reached one of its limits.

    Attributes:
        wait_s: seconds after which the request may be repeated, at least 1.
    """

    def __init__(self, id: str, /, *, wait_s: int, **values: Value) -> None:
        super().__init__(id, field="", **values)
        self.wait_s = wait_s


class Bucket:
    """The leaky buckets of one limit, one for each client.

    Args:
        per_minute: how much a client may use; 0 is no limit.
        clock: returns the time in seconds.
    """

    def __init__(self, per_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = per_minute
        self._clock = clock
        self._used: OrderedDict[str, tuple[float, float]] = OrderedDict()  # amount, and when it was that

    def __len__(self) -> int:
        return len(self._used)

    def wait_s(self, client: str) -> float:
        """Returns the seconds until a client may use the limit again, by any amount at once; 0 if it may now."""
        if not self._most:
            return 0.0
        return max(0.0, (self.used(client) + 1 - self._most) * 60 / self._most)

    def spend(self, client: str, amount: float) -> None:
        """Counts what a client has used, also beyond the limit; a negative amount is given back."""
        if not self._most:
            return
        self._used[client] = max(0.0, self.used(client) + amount), self._clock()
        self._used.move_to_end(client)
        while len(self._used) > MAX_CLIENTS:
            self._used.popitem(last=False)

    def used(self, client: str) -> float:
        """Returns how much a client has used, less what has drained since."""
        used, at = self._used.get(client, (0.0, 0.0))
        return max(0.0, used - (self._clock() - at) * self._most / 60)


class Usage:
    """What each client has used lately, in seconds of a core; it halves every ``HALF_LIFE_S``."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._used: OrderedDict[str, tuple[float, float]] = OrderedDict()  # seconds, and when they were that

    def spend(self, client: str, seconds: float) -> None:
        """Counts what a client has used."""
        self._used[client] = self.of(client) + seconds, self._clock()
        self._used.move_to_end(client)
        while len(self._used) > MAX_CLIENTS:
            self._used.popitem(last=False)

    def of(self, client: str) -> float:
        """Returns what a client has used."""
        seconds, at = self._used.get(client, (0.0, 0.0))
        return seconds * 0.5 ** ((self._clock() - at) / HALF_LIFE_S)


class Limiter:
    """Counts what all addresses use. Belongs to one event loop.

    Args:
        limits: the limits of each address.
    """

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

    def begin_request(self, address: str) -> None:
        """Counts a request, which `end_request` must end.

        Raises:
            TooManyError: the address has sent too many requests.
        """
        client = group_of(address)
        if not is_this_machine(address):
            self._check(self.requests, client)
            if self._requests[client] >= REQUESTS_AT_ONCE:
                raise TooManyError("refusal.requests_at_once", wait_s=1, most=REQUESTS_AT_ONCE)
            self.requests.spend(client, 1)
        self._requests[client] += 1

    def end_request(self, address: str) -> None:
        """Counts a request that has ended."""
        _decrease(self._requests, group_of(address))

    def begin_reply(self, address: str, characters: int) -> None:
        """Counts a reply and the characters that it may read and write; `end_reply` must end it.

        Raises:
            TooManyError: the address has too many replies, or too many characters.
        """
        client = group_of(address)
        if not is_this_machine(address):
            self._check(self.characters, client)
            if 0 < self.limits.replies_at_once <= self._replies[client]:
                raise TooManyError("refusal.replies_at_once", wait_s=1, most=self.limits.replies_at_once)
            self.characters.spend(client, characters)
        self._replies[client] += 1

    def end_reply(self, address: str, unwritten: int) -> None:
        """Counts a reply that has ended; gives back the ``unwritten`` characters."""
        client = group_of(address)
        _decrease(self._replies, client)
        if not is_this_machine(address):
            self.characters.spend(client, -unwritten)

    def begin_body(self, address: str, size: int) -> None:
        """Counts the bytes of a body that will be received; `end_body` must follow, when nothing holds it any more.

        Raises:
            TooManyError: the address has sent too many bytes, or all bodies together are too large and its own the
                largest.
        """
        client = group_of(address)
        if not is_this_machine(address):
            self._check(self.megabytes, client)
            self.megabytes.spend(client, size / 1e6)
        if self._bodies.total() + size > BODIES_AT_ONCE and self._bodies[client] >= max(self._bodies.values()):
            raise TooManyError("refusal.too_many", wait_s=1, seconds=1)
        self._bodies[client] += size
        self.usage.spend(client, size * _BYTE_S)

    def end_body(self, address: str, size: int) -> None:
        """Counts a body that is no longer in memory."""
        _decrease(self._bodies, group_of(address), size)

    def check_cpu(self, address: str) -> None:
        """Checks that an address may use the processor.

        Raises:
            TooManyError: it has used too much.
        """
        if not is_this_machine(address):
            self._check(self.cpu_seconds, group_of(address))

    def spend_cpu(self, address: str, seconds: float) -> None:
        """Counts the time that a core has worked for an address."""
        client = group_of(address)
        self.usage.spend(client, seconds)
        if not is_this_machine(address):
            self.cpu_seconds.spend(client, seconds)

    def _check(self, bucket: Bucket, client: str) -> None:
        if wait_s := bucket.wait_s(client):
            seconds = max(1, math.ceil(wait_s))
            raise TooManyError("refusal.too_many", wait_s=seconds, seconds=seconds)


def _decrease(counter: Counter[str], client: str, amount: int = 1) -> None:
    counter[client] -= amount
    if counter[client] <= 0:
        del counter[client]
