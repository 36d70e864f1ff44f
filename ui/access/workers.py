"""Runs slow work in threads, in short slices: a few at once, and first those of the client that has used least time.

So much work of a client delays only itself, and a client that has used nothing yet waits for one slice at most.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

from ..messages import RefusalError
from .addresses import group_of
from .limits import Limiter, counted

MAX_WAITING = 128  # pieces of work of all clients together
MAX_WAITING_EACH = 48  # a page sends one request of a lens at a time, and a class of 30 has 30 pages
Result = TypeVar("Result")


class Workers:
    """Threads for one kind of work. Belongs to one event loop.

    Args:
        limiter: counts the processor time of each address, and is the attribute ``limiter``.
        at_once: slices that run at once.
        max_waiting: pieces of work that may be unfinished at once, of all clients.
        max_waiting_each: the same, of one client.
    """

    def __init__(
        self,
        limiter: Limiter,
        *,
        at_once: int,
        max_waiting: int = MAX_WAITING,
        max_waiting_each: int = MAX_WAITING_EACH,
    ) -> None:
        self.limiter = limiter
        self._max_waiting = max_waiting
        self._max_waiting_each = max_waiting_each
        self._free = at_once
        self._threads = ThreadPoolExecutor(at_once, "work")  # its own, so that no other work is before this one
        self._unfinished: Counter[str] = Counter()
        self._turns: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @property
    def waiting(self) -> int:
        """The number of pieces of work that are not done yet."""
        return self._unfinished.total()

    @asynccontextmanager
    async def work(self, address: str) -> AsyncIterator[None]:
        """Counts a piece of work as unfinished inside the context, in which its slices are run.

        Raises:
            RefusalError: too much work is unfinished, of all clients or of this one.
        """
        client = group_of(address)
        if self.waiting >= self._max_waiting or self._unfinished[client] >= self._max_waiting_each:
            raise RefusalError("refusal.queue_full")
        with counted(self._unfinished, client):
            yield

    async def run(self, address: str, function: Callable[..., Result], *arguments: object) -> Result:
        """Returns the result of a slice of work, which should take at most 50 ms.

        A thread cannot be cancelled. So a cancelled call raises when its slice has ended, and the whole slice counts.
        """
        await self._turn(group_of(address))
        loop = asyncio.get_running_loop()

        def measured() -> Result:
            began = time.thread_time()
            try:
                return function(*arguments)
            finally:
                loop.call_soon_threadsafe(self._end, address, time.thread_time() - began)

        work = loop.run_in_executor(self._threads, measured)
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            await asyncio.wait([work])
            raise
        finally:
            del work  # its exception refers to this call, and a cycle would keep the request in memory until gc runs

    def _end(self, address: str, seconds: float) -> None:
        self.limiter.spend_cpu(address, seconds)
        self._next()

    async def run_slices(self, address: str, slices: Generator[None, None, Result]) -> Result:
        """Returns the result of a generator that yields at least every 50 ms.

        Args:
            address: of the client.
            slices: the generator; its return value is the result.
        """
        async with self.work(address):
            while True:
                ended, result = await self.run(address, _advance, slices)
                if ended:
                    return result  # type: ignore[return-value]  # of the generator

    async def _turn(self, client: str) -> None:
        if self._free and not self._turns:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._turns.setdefault(client, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # its turn has come meanwhile
                self._next()
            raise

    def _next(self) -> None:
        """Gives a free thread to the client that has used least; of several, to the first that waits."""
        while self._turns:
            client = min(self._turns, key=self.limiter.usage.used)
            turns = self._turns[client]
            turn = turns.popleft()
            self._turns.move_to_end(client)
            if not turns:
                del self._turns[client]
            if not turn.done():  # it was not cancelled
                turn.set_result(None)
                return
        self._free += 1


def _advance(slices: Generator[None, None, Result]) -> tuple[bool, Result | None]:
    """Runs a generator to its next yield; returns whether it has ended, and its result."""
    try:
        next(slices)
    except StopIteration as end:
        return True, end.value
    return False, None
