"""Measures how many characters per second two replicas of the app on Ray Serve write, compared with one.

    python -m tests.benchmarks.bench_replicas [--texts N] [--length N]

uv installs Ray beside the tests' environment. Replicas, Ray's proxy and this program share the cores of the machine, so
two replicas can only write twice as much where four cores or more are free. Prints a table.
"""

import argparse
import asyncio
import os
import tempfile
import time
from pathlib import Path

import httpx

from tests.support.ray_programs import ray_serve


async def characters_per_second(url: str, texts: int, length: int) -> float:
    """Return the characters per second of texts that are streamed at once, each at full speed."""

    async def read(http: httpx.AsyncClient, seed: int) -> None:
        query = {"prompt": "", "seed": seed, "max_tokens": length, "stream": True}
        async with http.stream("POST", f"{url}/v1/completions", json=query) as answer:
            answer.raise_for_status()
            async for _ in answer.aiter_raw():
                pass

    async with httpx.AsyncClient(timeout=600, limits=httpx.Limits(max_connections=None)) as http:
        await read(http, 0)  # the kernels are compiled
        started = time.perf_counter()
        await asyncio.gather(*(read(http, seed) for seed in range(1, texts + 1)))
        return texts * length / (time.perf_counter() - started)


def measure(texts: int, length: int) -> dict[str, float]:
    """Return the characters per second by the number of replicas."""
    found = {}
    for replicas in (1, 2):
        with tempfile.TemporaryDirectory() as folder, ray_serve(replicas, Path(folder) / "ray.log") as url:
            found[str(replicas)] = asyncio.run(characters_per_second(url, texts, length))
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--texts", type=int, default=40, help="texts that are streamed at once (default 40; one client may have 48)"
    )
    parser.add_argument("--length", type=int, default=5_000, help="characters of each (default 5,000)")
    options = parser.parse_args()
    found = measure(options.texts, options.length)
    print(f"{options.texts} texts of {options.length:,} characters at once, {os.cpu_count()} cores")
    for replicas, rate in found.items():
        print(f"{replicas} replica{'s' if replicas != '1' else ''}  {rate:9,.0f} characters/s")
    print(f"ratio       {found['2'] / found['1']:.2f}")
