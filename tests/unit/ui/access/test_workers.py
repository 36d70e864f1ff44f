"""Slow work in slices: clients take turns, and the number of waiting requests is limited."""

import asyncio
import threading
from collections.abc import Generator

import pytest

from ui.access.limits import Limiter, Limits
from ui.access.workers import Workers
from ui.messages import RefusalError

pytestmark = pytest.mark.anyio
ONE, OTHER = "8.8.8.8", "8.8.4.4"


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
