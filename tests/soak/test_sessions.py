"""Ten thousand sessions leave nothing behind."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from tests.benchmarks.bench_crowd import Readers
from tests.integration.ui.test_app_process import started
from tests.support.page_client import Visitor

SESSIONS = 5000
AT_ONCE = 16


def resident_kb(pid: int) -> int:
    """What a process has in memory now."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1])


async def visit(url: str, first: int, count: int) -> None:
    """So many programs and pages, each with a session of its own, that ask for a short reply and leave."""
    gate = asyncio.Semaphore(AT_ONCE)
    readers = Readers(url)

    async def one(number: int) -> None:
        async with gate:
            assert (await readers.program(number, 20)).characters == 20
            page = Visitor(readers.http, url)
            # Each leaves a state behind, of which the server keeps a limited number.
            assert len((await page.send("ROMEO:", length=20, seed=number)).text) == 20

    await asyncio.gather(*(one(first + number) for number in range(count)))
    await readers.http.aclose()


def test_memory_does_not_grow_with_the_sessions_that_were() -> None:
    with started() as (process, url):
        asyncio.run(visit(url, 0, SESSIONS))
        first = resident_kb(process.pid)
        asyncio.run(visit(url, SESSIONS, SESSIONS))
        second = resident_kb(process.pid)
    print(f"{first:,} kB after {SESSIONS:,} sessions, {second:,} kB after {2 * SESSIONS:,}")
    assert second < 1.02 * first
