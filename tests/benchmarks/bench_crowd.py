"""Measures the app with many clients at once: programs at full speed over the API, and visitors at the page's speed.

    python -m tests.benchmarks.bench_crowd [--visitors N …] [--json FILE]

The app runs in its own process and this process sends the requests, so both share the machine's cores. The same run
measures the plain way, with one loop per thread. Prints a table and writes JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from model import PRETRAINED
from tests.benchmarks.bench_stream import CROWD, chars_per_sec, plain_threads
from tests.benchmarks.report import write_json
from tests.support.app_process import started
from tests.support.page_client import LIMITS, Visitor

PACE = 60
ARRIVES_S = 0.02  # between two visitors


@dataclass
class Reply:
    """One reply as its client received it: characters, messages, seconds to the first character, seconds in all."""

    characters: int
    pieces: int
    first_s: float
    seconds: float


class Readers:
    """The clients of one app, which start together once all of them are connected."""

    def __init__(self, url: str, expected: int = 1) -> None:
        self.url = url
        self.expected = expected
        self._arrived = 0
        self._all_here = asyncio.Event()
        self.http = httpx.AsyncClient(timeout=None, limits=LIMITS)

    async def program(self, number: int, length: int) -> Reply:
        """Calls ``/generate`` as gradio_client does, and reads the reply to its end."""
        began = time.perf_counter()
        call = f"{self.url}gradio_api/call/generate"
        asked = await self.http.post(call, json={"data": ["ROMEO:", length, 0.8, 0, 1, number]})
        first, characters, pieces = 0.0, 0, 0
        async for message in self._lines(f"{call}/{asked.json()['event_id']}"):
            if isinstance(message, list):
                first = first or time.perf_counter() - began
                pieces += 1
                characters = len(message[0])
        return Reply(characters, pieces, first, time.perf_counter() - began)

    async def openai(self, number: int, length: int) -> Reply:
        """Calls ``/v1/completions`` with a stream, as a client of OpenAI's protocol does."""
        began = time.perf_counter()
        first, characters, pieces = 0.0, 0, 0
        query = {"prompt": "ROMEO:", "max_tokens": length, "seed": number, "stream": True}
        async with self.http.stream("POST", f"{self.url}v1/completions", json=query) as response:
            async for line in response.aiter_lines():
                if line.startswith("data: {") and (text := json.loads(line[6:])["choices"][0]["text"]):
                    first = first or time.perf_counter() - began
                    pieces += 1
                    characters += len(text)
        return Reply(characters, pieces, first, time.perf_counter() - began)

    async def visitor(self, number: int, length: int) -> Reply:
        """Sends a prompt as a page does that has loaded the site, and reads the reply as the page does."""
        visitor = Visitor(self.http, self.url)
        await visitor.arrive()
        await self._wait_for_all(number * ARRIVES_S)
        began = time.perf_counter()
        name = visitor.model["name"]
        return await self._watch(began, visitor.page.request(name, "ROMEO:", length=length, speed=PACE, seed=number))

    async def _wait_for_all(self, seconds: float) -> None:
        """Waits until all clients are connected, and then for a number of seconds."""
        self._arrived += 1
        if self._arrived == self.expected:
            self._all_here.set()
        await self._all_here.wait()
        await asyncio.sleep(seconds)

    async def _watch(self, began: float, request: dict[str, Any]) -> Reply:
        """Reads a reply to its end, without an SSE library, whose processor time would be measured too."""
        address, body = httpx.URL(f"{self.url}write"), json.dumps(request)
        reader, writer = await asyncio.open_connection(address.host, address.port)
        head = f"POST {address.path} HTTP/1.1\r\nHost: {address.host}\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(f"{head}{body}".encode())
        first, characters, pieces, ended = 0.0, 0, 0, False
        while not ended:
            line = await reader.readline()
            if not line:
                raise RuntimeError("a stream broke")
            if not line.startswith(b"data: "):
                continue
            event = json.loads(line[6:])
            if "text" in event:
                first = first or time.perf_counter() - began
                pieces += 1
                characters += len(event["text"])
            ended = "end" in event
        writer.close()
        return Reply(characters, pieces, first, time.perf_counter() - began)

    async def _lines(self, url: str) -> Any:
        async with self.http.stream("GET", url) as response:
            async for line in response.aiter_lines():
                if line.startswith("data: "):
                    yield json.loads(line[6:])


async def crowd(url: str, kind: str, count: int, length: int) -> dict[str, float]:
    """Returns the figures of a number of clients at once."""
    readers = Readers(url, count)
    one: Any = getattr(readers, kind)
    calls: list[Coroutine[Any, Any, Reply]] = [one(number, length) for number in range(count)]
    began = time.perf_counter()
    replies = await asyncio.gather(*calls)
    seconds = time.perf_counter() - began
    await readers.http.aclose()
    speeds = [reply.characters / reply.seconds for reply in replies]
    return {
        "readers": count,
        "chars_per_sec": sum(reply.characters for reply in replies) / seconds,
        "chars_per_sec_slowest": min(speeds),
        "pieces_per_sec": statistics.median(reply.pieces / reply.seconds for reply in replies),
        "first_s_median": statistics.median(reply.first_s for reply in replies),
        "first_s_worst": max(reply.first_s for reply in replies),
        "fairness": sum(speeds) ** 2 / (count * sum(speed**2 for speed in speeds)),
    }


def measure(visitors: list[int], repeats: int) -> dict[str, Any]:
    """Returns all figures; the app runs during all measurements."""
    loops = plain_threads(PRETRAINED, 40)
    plain = statistics.median(chars_per_sec(loops, 1) for _ in range(repeats))
    with started() as (_, url):
        asyncio.run(crowd(url, "program", 2, 200))  # once unmeasured
        runs = [asyncio.run(crowd(url, "program", CROWD, 1000)) for _ in range(repeats)]
        api = sorted(runs, key=lambda run: run["chars_per_sec"])[repeats // 2]
        runs = [asyncio.run(crowd(url, "openai", CROWD, 3000)) for _ in range(repeats)]
        openai = sorted(runs, key=lambda run: run["chars_per_sec"])[repeats // 2]
        paced = [asyncio.run(crowd(url, "visitor", count, 10 * PACE)) for count in visitors]
    return {
        "plain_threads": {"readers": CROWD, "chars_per_sec": plain},
        "api": {**api, "ratio": api["chars_per_sec"] / plain},
        "openai": {**openai, "ratio": openai["chars_per_sec"] / plain},
        "visitors": paced,
    }


def table(found: dict[str, Any]) -> str:
    plain = found["plain_threads"]
    lines = [
        f"{plain['readers']} plain loops, one a thread: {plain['chars_per_sec']:,.0f} characters/s in all",
        *(
            f"{row['readers']} programs over {name}: {row['chars_per_sec']:,.0f} characters/s in all, "
            f"{row['ratio']:.1f} x plain; {row['pieces_per_sec']:.1f} pieces/s each, fairness {row['fairness']:.3f}"
            for name, row in (("Gradio's queue", found["api"]), ("/v1", found["openai"]))
        ),
        "",
        f"{'visitors at 60 a second':<24}{'slowest':>9}{'pieces/s':>10}{'first, median':>15}{'worst':>8}",
    ]
    for row in found["visitors"]:
        lines.append(
            f"{row['readers']:<24}{row['chars_per_sec_slowest']:>9.1f}{row['pieces_per_sec']:>10.1f}"
            f"{row['first_s_median']:>13.2f} s{row['first_s_worst']:>6.2f} s"
        )
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="How fast the app writes for many clients at once.")
    parser.add_argument("--visitors", type=int, nargs="*", default=[1, 32, 100, 200])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path, default=Path("build") / "bench_crowd.json")
    options = parser.parse_args(argv)
    found = measure(options.visitors, options.repeats)
    print(table(found))
    write_json(options.json, found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
