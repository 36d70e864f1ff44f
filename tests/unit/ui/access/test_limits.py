"""The limits of an address: its requests, its share of a cache, and its turns at slow work, which is done in slices."""

import asyncio
import threading
from collections.abc import Generator
from contextlib import ExitStack, suppress
from types import SimpleNamespace

import pytest

from ui.access.limits import BODIES_AT_ONCE, MAX_CLIENTS, REQUESTS_AT_ONCE, Bucket, Limiter, Limits
from ui.access.workers import Workers
from ui.conversation import FairCache
from ui.messages import RefusalError

pytestmark = pytest.mark.anyio
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
    assert len(bucket) == MAX_CLIENTS
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


def workers(at_once: int = 1, max_waiting: int = 100, max_waiting_each: int = 50) -> Workers:
    return Workers(Limiter(Limits()), at_once=at_once, max_waiting=max_waiting, max_waiting_each=max_waiting_each)


class Slow:
    """Work that lasts until the test ends it."""

    def __init__(self) -> None:
        self.began, self.may_end = threading.Event(), threading.Event()

    def __call__(self) -> None:
        self.began.set()
        self.may_end.wait(60)
        sum(range(1_000_000))


async def test_the_queue_is_limited_for_one_client_and_for_all() -> None:
    work = workers(max_waiting=3, max_waiting_each=2)
    async with work.work(ONE), work.work(ONE):
        with pytest.raises(RefusalError, match="queue is full"):
            async with work.work(ONE):
                pass
        async with work.work(OTHER):
            with pytest.raises(RefusalError, match="queue is full"):
                async with work.work("1.1.1.1"):
                    pass
    assert work.waiting == 0


async def test_cancelled_work_makes_room_for_the_next_client() -> None:
    def endless() -> Generator[None, None, None]:
        while True:
            yield

    work = workers()
    tasks = [asyncio.create_task(work.run_slices(ONE, endless())) for _ in range(3)]
    await asyncio.sleep(0.05)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert work.waiting == 0
    assert await work.run(OTHER, int, "7") == 7


async def test_the_thread_of_a_cancelled_slice_is_free_when_the_slice_has_ended_and_its_time_counts() -> None:
    """A client that leaves again and again would otherwise use more threads than there are, without a limit."""
    limiter, slow = Limiter(Limits()), Slow()
    work = Workers(limiter, at_once=1)
    left = asyncio.create_task(work.run(ONE, slow))
    await asyncio.to_thread(slow.began.wait, 10)
    left.cancel()
    following = asyncio.create_task(work.run(OTHER, int, "7"))
    await asyncio.sleep(0.05)
    assert not left.done()
    assert not following.done()
    slow.may_end.set()
    assert await following == 7
    assert left.cancelled()
    assert limiter.cpu_seconds._used[ONE][0] > 0


async def test_the_client_that_has_used_least_comes_first() -> None:
    limiter, slow = Limiter(Limits()), Slow()
    order: list[str] = []
    work = Workers(limiter, at_once=1)
    first = asyncio.create_task(work.run(ONE, slow))
    await asyncio.to_thread(slow.began.wait, 60)
    limiter.spend_cpu(ONE, 0.1)
    waiting = [asyncio.create_task(work.run(address, order.append, address)) for address in (ONE, ONE, OTHER)]
    await asyncio.sleep(0)
    slow.may_end.set()
    await asyncio.gather(first, *waiting)
    assert order == [OTHER, ONE, ONE]
