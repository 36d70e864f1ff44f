"""Measures how many characters per second two replicas of the app on Ray Serve write, compared with one.

    python -m tests.benchmarks.bench_replicas

uv installs Ray beside the tests' environment. Replicas, Ray's proxy and this program share the cores of the machine, so
two replicas can only write twice as much where four cores or more are free. Prints a table.
"""

import asyncio
import os
import tempfile
from pathlib import Path

from tests.benchmarks.bench_crowd import crowd, openai
from tests.support.ray_programs import ray_serve

TEXTS = 40  # at once; one client may have 48
LENGTH = 5_000  # characters of each


def measure() -> dict[str, float]:
    """Return the characters per second by the number of replicas."""
    found = {}
    for replicas in (1, 2):
        with tempfile.TemporaryDirectory() as folder, ray_serve(replicas, Path(folder) / "ray.log") as url:
            asyncio.run(crowd(f"{url}/", openai, 1, LENGTH))  # the kernels are compiled
            found[str(replicas)] = asyncio.run(crowd(f"{url}/", openai, TEXTS, LENGTH))["chars_per_sec"]
    return found


if __name__ == "__main__":
    found = measure()
    print(f"{TEXTS} texts of {LENGTH:,} characters at once, {os.cpu_count()} cores")
    for replicas, rate in found.items():
        print(f"{replicas} replica{'s' if replicas != '1' else ''}  {rate:9,.0f} characters/s")
    print(f"ratio       {found['2'] / found['1']:.2f}")
