"""The limits of an address, the time until it may send more requests, and its share of a cache."""

from contextlib import ExitStack, suppress
from types import SimpleNamespace

import pytest

from ui.access.limits import BODIES_AT_ONCE, MAX_CLIENTS, REQUESTS_AT_ONCE, Bucket, Limiter, Limits
from ui.conversation import FairCache
from ui.messages import RefusalError

ONE, OTHER = "8.8.8.8", "8.8.4.4"


def test_a_bucket_allows_one_minutes_amount_at_once_and_refills() -> None:
    clock = SimpleNamespace(now=100.0)
    bucket = Bucket(60, lambda: clock.now)
    for _ in range(60):
        assert bucket.wait_s(ONE) == 0
        bucket.spend(ONE, 1)
    bucket.spend(ONE, 3)
    assert bucket.wait_s(ONE) == 4
    assert bucket.wait_s(OTHER) == 0
    clock.now += 4.5
    assert bucket.wait_s(ONE) == 0
    clock.now += 60
    assert bucket.wait_s(ONE) == 0
    bucket.spend(ONE, 65)  # at most the used amount can be refunded
    bucket.spend(ONE, -100)
    bucket.spend(ONE, 61)
    assert bucket.wait_s(ONE) == 2


def test_a_bucket_keeps_the_most_recent_clients() -> None:
    bucket = Bucket(1)
    for at in range(MAX_CLIENTS + 5):
        bucket.spend(str(at), 2)
    assert len(bucket._used) == MAX_CLIENTS
    assert bucket.wait_s("0") == 0
    assert bucket.wait_s(str(MAX_CLIENTS)) > 0


def test_open_requests_are_limited() -> None:
    limiter = Limiter(Limits(requests_per_minute=0))
    with ExitStack() as others:
        for _ in range(REQUESTS_AT_ONCE - 1):
            others.enter_context(limiter.request(ONE))
        for _ in range(2):
            with limiter.request(ONE), pytest.raises(RefusalError, match="More than 256 requests"):
                others.enter_context(limiter.request(ONE))


def test_a_stopped_reply_gives_back_the_characters_that_it_has_not_written() -> None:
    limiter = Limiter(Limits(characters_per_minute=1_000))
    with limiter.reply(ONE, 10_000), pytest.raises(RefusalError, match="Too many requests"):
        limiter.reply(ONE, 1).__enter__()  # one reply may be longer than the limit
    limiter.give_back(ONE, 9_500)
    with limiter.reply(ONE, 1):
        pass


def test_full_memory_refuses_the_address_that_fills_it() -> None:
    limiter = Limiter(Limits())
    with limiter.body(ONE, BODIES_AT_ONCE - 10), limiter.body(OTHER, 5):
        with pytest.raises(RefusalError):
            limiter.body(ONE, 10).__enter__()
        with limiter.body(OTHER, 10):
            pass


def test_bodies_of_many_addresses_have_a_limit_and_leave_room_for_a_small_one() -> None:
    limiter, received = Limiter(Limits()), 0
    with ExitStack() as bodies:
        for size in (500_000, 50_000, 5_000):
            for at in range(2_000):
                with suppress(RefusalError):
                    bodies.enter_context(limiter.body(f"8.8.{at // 250}.{at % 250}", size))
                    received += size
            bodies.enter_context(limiter.body(f"9.9.9.{size % 7}", 500))
    assert BODIES_AT_ONCE < received < 2 * BODIES_AT_ONCE
    assert not limiter._bodies


def test_a_network_of_ipv6_is_one_client_and_this_machine_has_no_limit() -> None:
    limiter = Limiter(Limits(requests_per_minute=1, replies_at_once=1))
    with limiter.request("2001:db8::1"), limiter.request("2001:db8:0:1::1"), pytest.raises(RefusalError):
        limiter.request("2001:db8::ffff").__enter__()
    for address in ("127.0.0.1", "::1", "::ffff:127.0.0.1") * 3:
        with limiter.request(address), limiter.reply(address, 10**9), limiter.reply(address, 1):
            limiter.check_cpu(address)


def test_the_owner_sets_limits() -> None:
    assert Limits.of({}) == Limits()
    given = Limits.of({"REQUESTS_PER_MINUTE": "7", "CPU_SECONDS_PER_MINUTE": " 0 ", "REPLIES_AT_ONCE": ""})
    assert given == Limits(requests_per_minute=7, cpu_seconds_per_minute=0)


def test_the_oldest_value_of_the_client_that_holds_most_is_removed() -> None:
    cache: FairCache[str] = FairCache(6, len)
    cache.put("visitor", "a", "one")
    for at in range(9):
        cache.put(f"flood {at}", str(at) * 2, "two")
    assert [key for key, _ in cache] == ["visitor", "flood 7", "flood 8"]
    assert cache.get("flood 7") == "77"
    cache.put("flood 9", "999", "two")
    assert [key for key, _ in cache] == ["visitor", "flood 7", "flood 9"]
    assert cache.size == 6
