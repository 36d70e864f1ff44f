"""Five hundred conversations go on after ten thousand visits by others, and the server's memory stays as it was."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import TypeVar

import httpx

from model import PRETRAINED, CharLSTM, generate
from tests.benchmarks.bench_crowd import Readers
from tests.integration.ui.test_app_process import begin, started
from tests.support.page_client import LIMITS, TIMEOUT_S, Visitor

CONVERSATIONS = 500
LENGTH = 5_000  # characters of each
MORE = 100  # characters that each has written on after the visits
VISITS = 10_000
AT_ONCE = 16
CHECKED_EVERY = 10  # conversations, of which one is compared with the text that ``generate`` gives
MOST_KB = 50 << 10  # that the server may have more than after its first replies

Each = TypeVar("Each")


def resident_kb(pid: int) -> int:
    """The resident memory of a process now."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1])


async def for_each(items: Iterable[Each], work: Callable[[Each], Awaitable[object]]) -> None:
    """Does the work for each item, for ``AT_ONCE`` items at once."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(item: Each) -> None:
        async with gate:
            await work(item)

    await asyncio.gather(*map(one, items))


async def visit(url: str, numbers: Iterable[int]) -> None:
    """Visits of programs and of pages in turns; each asks for a short reply and leaves."""
    readers = Readers(url)

    async def one(number: int) -> None:
        if number % 2:
            assert (await readers.program(number, 20)).characters == 20
        else:  # leaves a state behind, of which the server keeps a limited number
            assert len((await Visitor(readers.http, url).send("JULIET:", length=20, seed=number)).text) == 20

    await for_each(numbers, one)
    await readers.http.aclose()


async def converse(url: str, look: Callable[[str], None]) -> list[str]:
    """All of it; returns the texts of the conversations."""
    await visit(url, range(200))
    look("200 visits")
    async with httpx.AsyncClient(timeout=TIMEOUT_S, limits=LIMITS) as http:
        visitors = [Visitor(http, url) for _ in range(CONVERSATIONS)]

        async def start(seed: int) -> None:
            assert len((await visitors[seed].send("ROMEO:", length=LENGTH, seed=seed)).text) == LENGTH

        async def go_on(seed: int) -> None:
            assert len((await visitors[seed].continue_reply(length=MORE)).text) == MORE

        await for_each(range(CONVERSATIONS), start)
        look(f"{CONVERSATIONS} conversations")
        await visit(url, range(CONVERSATIONS, CONVERSATIONS + VISITS))
        look(f"{VISITS:,} visits")
        await for_each(range(CONVERSATIONS), go_on)
        look("all of them continued")
        return [visitor.text for visitor in visitors]


def test_every_conversation_goes_on_and_the_memory_stays() -> None:
    looks: dict[str, int] = {}
    with started() as (process, url):
        begin(url, 1)
        texts = asyncio.run(converse(url, lambda name: looks.update({name: resident_kb(process.pid)})))
    print("; ".join(f"{size:,} kB after {name}" for name, size in looks.items()))
    lm = CharLSTM.from_pretrained(PRETRAINED)
    for seed in range(0, CONVERSATIONS, CHECKED_EVERY):
        assert texts[seed] == "ROMEO:" + generate(lm, "ROMEO:", LENGTH + MORE, temperature=0.8, seed=seed)
    first, *later = looks.values()
    assert max(later) < first + MOST_KB
