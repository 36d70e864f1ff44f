"""Five hundred conversations continue after ten thousand other visits, and the server's memory does not grow."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import TypeVar

import httpx

from model import PRETRAINED, CharLSTM, generate
from tests.benchmarks.bench_crowd import Readers
from tests.support.app_process import begin, started
from tests.support.page_client import LIMITS, TIMEOUT_S, Visitor

CONVERSATIONS = 500
LENGTH = 5_000  # characters of each conversation
MORE = 100  # characters that each conversation adds after the visits
VISITS = 10_000
AT_ONCE = 16
CHECKED_EVERY = 10  # every tenth conversation is compared with the text of ``generate``
MOST_KB = 50 << 10  # the allowed growth after the first replies

Each = TypeVar("Each")


def resident_kb(pid: int) -> int:
    """Return the resident memory of a process."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1])


async def for_each(items: Iterable[Each], work: Callable[[Each], Awaitable[object]]) -> None:
    """Await the work for each item, for at most ``AT_ONCE`` items at once."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def limited(item: Each) -> None:
        async with gate:
            await work(item)

    await asyncio.gather(*map(limited, items))


async def visit(url: str, numbers: Iterable[int]) -> None:
    """Visit as a program and as a page in turns; each visit requests a short reply and disconnects."""
    readers = Readers(url)

    async def visit_once(number: int) -> None:
        if number % 2:
            assert (await readers.program(number, 20)).characters == 20
        else:  # adds a state to the cache
            assert len((await Visitor(readers.http, url).send("JULIET:", length=20, seed=number)).text) == 20

    await for_each(numbers, visit_once)
    await readers.http.aclose()


async def converse(url: str, measure: Callable[[str], None]) -> list[str]:
    """Write all conversations, with the visits in between; returns their texts."""
    await visit(url, range(200))
    measure("200 visits")
    async with httpx.AsyncClient(timeout=TIMEOUT_S, limits=LIMITS) as http:
        visitors = [Visitor(http, url) for _ in range(CONVERSATIONS)]

        async def start(seed: int) -> None:
            assert len((await visitors[seed].send("ROMEO:", length=LENGTH, seed=seed)).text) == LENGTH

        async def continue_(seed: int) -> None:
            assert len((await visitors[seed].continue_reply(length=MORE)).text) == MORE

        await for_each(range(CONVERSATIONS), start)
        measure(f"{CONVERSATIONS} conversations")
        await visit(url, range(CONVERSATIONS, CONVERSATIONS + VISITS))
        measure(f"{VISITS:,} visits")
        await for_each(range(CONVERSATIONS), continue_)
        measure("all of them continued")
        return [visitor.text for visitor in visitors]


def test_every_conversation_continues_and_the_memory_does_not_grow() -> None:
    measurements: dict[str, int] = {}
    with started() as (process, url):
        begin(url, 1)
        texts = asyncio.run(converse(url, lambda name: measurements.update({name: resident_kb(process.pid)})))
    print("; ".join(f"{size:,} kB after {name}" for name, size in measurements.items()))
    lm = CharLSTM.from_pretrained(PRETRAINED)
    for seed in range(0, CONVERSATIONS, CHECKED_EVERY):
        assert texts[seed] == "ROMEO:" + generate(lm, "ROMEO:", LENGTH + MORE, temperature=0.8, seed=seed)
    first, *later = measurements.values()
    assert max(later) < first + MOST_KB
