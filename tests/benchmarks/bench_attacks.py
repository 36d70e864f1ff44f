"""Measures how long another address waits while one address, or 200, send what costs the app most.

    python -m tests.benchmarks.bench_attacks

The attackers run in a process of their own, on a core of their own where the system can arrange that. Each attack runs
for some seconds; meanwhile a visitor of another address opens the page, asks for its site and sends prompts. Prints for
each attack the visitor's slowest answers and the memory of the app.
"""

import asyncio
import itertools
import json
import multiprocessing
import os
import time
from collections.abc import Callable
from multiprocessing.synchronize import Event
from typing import Any

import httpx

from tests.support.app_process import resident_kb, started
from tests.support.page_client import PageClient

Sent = tuple[str, str, dict[str, Any]]  # method, path, and arguments of httpx's request
VISITOR = {"x-forwarded-for": "9.9.9.9"}
LONG = "To be, or not to be, that is the question.\n"
PAUSE_S = 0.5  # between two visits: more work of one address would be no visitor's
SECONDS = 6.0  # of each attack
CONNECTIONS = 64  # of the attackers together, unless replies are held open


def model_of(url: str) -> dict[str, str]:
    described = httpx.get(f"{url}site", timeout=60).json()["models"][0]
    return {"name": described["name"], "commit": described["commit"]}


def write_of(model: dict[str, str], number: int, **fields: Any) -> Sent:
    body = {"model": model, "id": f"{number:032x}", "client": f"{number:032x}", "text": "", **fields}
    return "POST", "write", {"json": {"settings": {"length": 1_500, "seed": number % 1000}, **body}}


def attacks(model: dict[str, str]) -> dict[str, Callable[[int], Sent]]:
    """What is sent, by the name of the attack; each gets the number of the request."""
    clamps = [[at, [[1, at % 512, 4.0]]] for at in range(2_000)]
    prepared = {"text": LONG * 450, "clamps": clamps, "boundaries": [1_000 * at for at in range(1, 17)]}
    nested = json.dumps({"data": [[[]] * 20_000]})

    def trace(number: int) -> Sent:
        body = {"trace": f"{number:032x}", "server": "", "tail": {"at": 0, "text": "a"}, "length": 1, "from": 0}
        return "POST", "trace", {"json": {**body, "model": model, "second": None}}

    return {
        "a language of 7,000 dashes": lambda _: ("GET", "nothing", {"headers": {"accept-language": "-" * 7_000}}),
        "the page": lambda _: ("GET", "", {}),
        "the page with a link": lambda number: ("GET", f"?prompt=a&seed={number % 999}&length=200", {}),
        "texts with many clamps": lambda number: write_of(model, number, **prepared, settings={"length": 1, "seed": 1}),
        "bodies of 510 kB": lambda _: ("POST", "trace", {"content": b'{"a": "' + b"x" * 510_000 + b'"}'}),
        "nested bodies": lambda _: ("POST", "gradio_api/call/score", {"content": nested}),
        "tiny lenses": trace,
        "scores": lambda _: ("POST", "gradio_api/call/score", {"json": {"data": [LONG * 450]}}),
        "slow replies": lambda number: write_of(model, number, speed=5),
        "fast replies": lambda number: ("POST", "v1/completions", {"json": {"prompt": "a", "max_tokens": 5_000}}),
    }


def attack(url: str, name: str, addresses: int, end: Event) -> None:
    """Sends the requests of an attack until the end, from a number of addresses in turn; in a process of its own."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {1})

    async def run() -> None:
        numbers = itertools.count()
        made = attacks(model_of(url))[name]
        connections = max(CONNECTIONS, 256 if name == "slow replies" else 0, addresses)
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        async with httpx.AsyncClient(base_url=url, timeout=60, limits=limits) as http:

            async def one() -> None:
                while not end.is_set():
                    number = next(numbers)
                    method, path, given = made(number)
                    headers = {**given.pop("headers", {}), "x-forwarded-for": f"8.8.{number % addresses}.1"}
                    try:
                        await http.request(method, path, headers=headers, **given)
                    except httpx.HTTPError:
                        await asyncio.sleep(0.01)

            tasks = [asyncio.create_task(one()) for _ in range(connections)]
            await asyncio.to_thread(end.wait)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(run())


async def visit(url: str) -> dict[str, float]:
    """Returns the slowest answers of a visitor in seconds: the page, the site, the first character of a reply."""
    slowest = {"page": 0.0, "site": 0.0, "first": 0.0}
    model, end = model_of(url)["name"], time.monotonic() + SECONDS
    async with httpx.AsyncClient(timeout=120, headers=VISITOR) as http:
        for number in itertools.count():
            if time.monotonic() > end:
                return slowest
            for name, path in (("page", ""), ("site", "site")):
                began = time.monotonic()
                (await http.get(url + path)).raise_for_status()
                slowest[name] = max(slowest[name], time.monotonic() - began)
            visitor = PageClient(http, url)
            began = time.monotonic()
            async for event in visitor.events(visitor.request(model, "ROMEO:", length=20, seed=number)):
                if "text" in event:
                    slowest["first"] = max(slowest["first"], time.monotonic() - began)
                    break
            await asyncio.sleep(PAUSE_S)
    raise AssertionError


def measure(url: str, pid: int) -> None:
    """Prints the figures without an attack, and of each attack."""
    print(f"{'attack':<30}{'addresses':>10}{'page':>9}{'site':>9}{'first':>9}{'memory':>10}", flush=True)

    def show(name: str, addresses: int) -> None:
        times = "".join(f"{slowest:>7.2f} s" for slowest in asyncio.run(visit(url)).values())
        megabytes = resident_kb(pid) / 1024
        print(f"{name:<30}{addresses:>10}{times}{megabytes:>7.0f} MB", flush=True)

    show("none", 0)
    for addresses in (1, 200):
        for name in attacks({"name": "", "commit": ""}):
            end = multiprocessing.Event()
            attacker = multiprocessing.Process(target=attack, args=(url, name, addresses, end))
            attacker.start()
            time.sleep(2.0)
            show(name, addresses)
            end.set()
            attacker.join(30)
            attacker.kill()
            time.sleep(1.0)


if __name__ == "__main__":
    with started() as (process, url):
        measure(url, process.pid)
