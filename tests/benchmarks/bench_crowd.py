"""Measures the app with many clients at once: programs at full speed over the API, and visitors at the page's speed.

    python -m tests.benchmarks.bench_crowd

The app runs in its own process and this process sends the requests, so both share the machine's cores. The same run
measures the plain way, with one loop per thread. Prints a table.
"""

import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable
from functools import partial

import httpx

from model import PRETRAINED
from tests.benchmarks.bench_stream import CROWD, chars_per_sec, plain_threads
from tests.support.app_process import started
from tests.support.page_client import LIMITS, PageClient

PACE = 60
ARRIVES_S = 0.02  # between two visitors
VISITORS = (1, 32, 100, 200)  # at once
REPEATS = 3


class Reply:
    """One reply as its client receives it: characters, messages, seconds to the first character, seconds in all."""

    def __init__(self) -> None:
        self.characters = self.pieces = 0
        self.first_s = self.seconds = 0.0
        self._began = time.perf_counter()

    def add(self, characters: int) -> None:
        """Counts a message with new characters."""
        self.seconds = time.perf_counter() - self._began
        self.first_s = self.first_s or self.seconds
        self.characters += characters
        self.pieces += 1


async def program(http: httpx.AsyncClient, url: str, number: int, length: int) -> Reply:
    """Calls ``/generate`` as gradio_client does, and reads the reply to its end."""
    reply, call = Reply(), f"{url}gradio_api/call/generate"
    asked = await http.post(call, json={"data": ["ROMEO:", length, 0.8, 0, 1, number]})
    async with http.stream("GET", f"{call}/{asked.json()['event_id']}") as response:
        async for line in response.aiter_lines():
            if line.startswith("data: ["):
                reply.add(len(json.loads(line[6:])[0]) - reply.characters)
    return reply


async def openai(http: httpx.AsyncClient, url: str, number: int, length: int) -> Reply:
    """Calls ``/v1/completions`` with a stream, as a client of OpenAI's protocol does."""
    reply, query = Reply(), {"prompt": "ROMEO:", "max_tokens": length, "seed": number, "stream": True}
    async with http.stream("POST", f"{url}v1/completions", json=query) as response:
        async for line in response.aiter_lines():
            if line.startswith("data: {") and (text := json.loads(line[6:])["choices"][0]["text"]):
                reply.add(len(text))
    return reply


async def visitor(model: str, http: httpx.AsyncClient, url: str, number: int, length: int) -> Reply:
    """Sends a prompt as a page does that is loaded, and reads the reply without a library, whose time would count."""
    await asyncio.sleep(number * ARRIVES_S)
    request = PageClient(http, url).request(model, "ROMEO:", length=length, speed=PACE, seed=number)
    reply, address, body = Reply(), httpx.URL(f"{url}write"), json.dumps(request)
    reader, writer = await asyncio.open_connection(address.host, address.port)
    head = f"POST {address.path} HTTP/1.1\r\nHost: {address.host}\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(f"{head}{body}".encode())
    event: dict[str, str] = {}
    while "end" not in event:
        line = await reader.readline()
        if not line:
            raise RuntimeError("a stream broke")
        if line.startswith(b"data: "):
            event = json.loads(line[6:])
            if "text" in event:
                reply.add(len(event["text"]))
    writer.close()
    return reply


Client = Callable[[httpx.AsyncClient, str, int, int], Awaitable[Reply]]


async def crowd(url: str, client: Client, count: int, length: int) -> dict[str, float]:
    """Returns the figures of a number of clients at once."""
    async with httpx.AsyncClient(timeout=None, limits=LIMITS) as http:
        began = time.perf_counter()
        replies = await asyncio.gather(*(client(http, url, number, length) for number in range(count)))
        seconds = time.perf_counter() - began
    speeds = [reply.characters / reply.seconds for reply in replies]
    return {
        "chars_per_sec": sum(reply.characters for reply in replies) / seconds,
        "slowest": min(speeds),
        "pieces_per_sec": statistics.median(reply.pieces / reply.seconds for reply in replies),
        "first_s": statistics.median(reply.first_s for reply in replies),
        "worst_first_s": max(reply.first_s for reply in replies),
        "fairness": sum(speeds) ** 2 / (count * sum(speed**2 for speed in speeds)),
    }


def measure() -> None:
    """Prints all figures; the app runs during all measurements."""
    loops = plain_threads(PRETRAINED, 40)
    plain = statistics.median(chars_per_sec(loops, 1) for _ in range(REPEATS))
    print(f"{CROWD} plain loops, one a thread: {plain:,.0f} characters/s in all")
    with started() as (_, url):
        asyncio.run(crowd(url, program, 2, 200))  # once unmeasured
        for name, client, length in (("Gradio's queue", program, 1000), ("/v1", openai, 3000)):
            runs = [asyncio.run(crowd(url, client, CROWD, length)) for _ in range(REPEATS)]
            row = sorted(runs, key=lambda run: run["chars_per_sec"])[REPEATS // 2]
            print(
                f"{CROWD} programs over {name}: {row['chars_per_sec']:,.0f} characters/s in all, "
                f"{row['chars_per_sec'] / plain:.1f} x plain; {row['pieces_per_sec']:.1f} pieces/s each, "
                f"fairness {row['fairness']:.3f}"
            )
        print(f"\n{'visitors at 60 a second':<24}{'slowest':>9}{'pieces/s':>10}{'first, median':>15}{'worst':>8}")
        model = httpx.get(f"{url}site").json()["models"][0]["name"]
        for count in VISITORS:
            row = asyncio.run(crowd(url, partial(visitor, model), count, 10 * PACE))
            print(
                f"{count:<24}{row['slowest']:>9.1f}{row['pieces_per_sec']:>10.1f}"
                f"{row['first_s']:>13.2f} s{row['worst_first_s']:>6.2f} s"
            )


if __name__ == "__main__":
    measure()
