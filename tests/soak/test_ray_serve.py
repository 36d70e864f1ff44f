"""Two replicas behind Ray Serve's proxy, without affinity: one is killed while 40 texts are written."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
from pathlib import Path

import httpx

from model import PRETRAINED, CharLSTM, generate
from tests.support.page_client import Visitor
from tests.support.platforms import posix_only
from tests.support.replicas import ray_serve, replica_pids

TEXTS = 40
LENGTH = 3_000


async def read_text(http: httpx.AsyncClient, url: str, seed: int) -> tuple[str, int]:
    """Return the text of a seed and the number of connections that it took."""
    visitor = Visitor(http, f"{url}/")
    reply = await visitor.send("ROMEO:", seed=seed, length=LENGTH)
    assert reply.ending["end"] == "length", reply.ending
    return reply.text, visitor.connections


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
    assert any(connections > 1 for _, connections in written), "the killed replica wrote none of the texts"
