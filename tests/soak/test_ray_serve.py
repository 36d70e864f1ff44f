"""Two replicas behind Ray Serve's proxy, without affinity: one is killed while 40 texts are written."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
from pathlib import Path
from typing import Any

import httpx

from model import PRETRAINED, CharLSTM, generate
from tests.support.platforms import posix_only
from tests.support.replicas import ray_serve, replica_pids

TEXTS = 40
LENGTH = 3_000


async def read_text(http: httpx.AsyncClient, url: str, seed: int) -> tuple[str, int]:
    """Return the text of a seed and the number of reconnections after broken connections."""
    query: dict[str, Any] = {"prompt": "ROMEO:", "seed": seed, "length": LENGTH, "received": ""}
    for attempt in range(100):
        try:
            async with http.stream("POST", f"{url}/stream", json=query) as answer:
                if answer.status_code != 200:  # no replica is left for a moment
                    await asyncio.sleep(0.2)
                    continue
                async for line in answer.aiter_lines():
                    if line.startswith("data: "):
                        event = json.loads(line.removeprefix("data: "))
                        query["received"] += event.get("text", "")
                        if "end" in event:
                            assert event["end"] == "length", event
                            return query["received"], attempt
        except httpx.TransportError:
            await asyncio.sleep(0.2)
    raise AssertionError(f"seed {seed} has {len(query['received'])} characters after 100 attempts")


@posix_only
def test_killing_a_replica_changes_no_text(tmp_path: Path) -> None:
    async def write_all(url: str) -> list[tuple[str, int]]:
        async with httpx.AsyncClient(timeout=120, limits=httpx.Limits(max_connections=None)) as http:
            tasks = [asyncio.create_task(read_text(http, url, seed)) for seed in range(TEXTS)]
            await asyncio.sleep(1.0)
            victim = replica_pids()[0]
            os.kill(victim, signal.SIGKILL)
            return await asyncio.gather(*tasks)

    lm = CharLSTM.from_pretrained(PRETRAINED)
    expected = [hashlib.sha256(generate(lm, "ROMEO:", LENGTH, seed=seed).encode()).hexdigest() for seed in range(TEXTS)]
    with ray_serve(2, tmp_path / "ray.log") as url:
        assert len(replica_pids()) == 2
        written = asyncio.run(write_all(url))
    assert [hashlib.sha256(text.encode()).hexdigest() for text, _ in written] == expected
    assert any(attempts for _, attempts in written), "the killed replica wrote none of the texts"
