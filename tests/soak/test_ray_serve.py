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
from tests.support.ray_programs import ray_serve, replica_pids

TEXTS = 40
LENGTH = 3_000
SPEED = 150  # characters a second: at full speed all texts may be complete before the replica is killed


async def read_text(visitor: Visitor, seed: int) -> str:
    """Return the text of a seed."""
    reply = await visitor.send("ROMEO:", seed=seed, length=LENGTH, speed=SPEED)
    assert reply.ending["end"] == "length", reply.ending
    return reply.text


@posix_only
def test_killing_a_replica_changes_no_text(tmp_path: Path) -> None:
    async def write_all(url: str) -> tuple[list[str], int]:
        async with httpx.AsyncClient(timeout=120, limits=httpx.Limits(max_connections=None)) as http:
            visitors = [Visitor(http, f"{url}/") for _ in range(TEXTS)]
            tasks = [asyncio.create_task(read_text(visitor, seed)) for seed, visitor in enumerate(visitors)]
            while sum(bool(visitor.text) for visitor in visitors) < TEXTS / 2:
                await asyncio.sleep(0.01)
            os.kill(replica_pids()[0], signal.SIGKILL)
            return await asyncio.gather(*tasks), sum(visitor.connections for visitor in visitors)

    lm = CharLSTM.from_pretrained(PRETRAINED)
    expected = [hashlib.sha256(generate(lm, "ROMEO:", LENGTH, seed=seed).encode()).hexdigest() for seed in range(TEXTS)]
    with ray_serve(2, tmp_path / "ray.log") as url:
        assert len(replica_pids()) == 2
        written, connections = asyncio.run(write_all(url))
    assert [hashlib.sha256(text.encode()).hexdigest() for text in written] == expected
    assert connections > TEXTS, "the killed replica wrote none of the texts"
