"""Two replicas behind Ray Serve's proxy, without affinity: one is killed while 40 texts are written."""

import asyncio
import hashlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path

import httpx

from model import PRETRAINED, CharLSTM, generate
from tests.support.page_client import PageClient
from tests.support.platforms import posix_only
from tests.support.ray_programs import ray_serve, replica_pids

TEXTS = 40
LENGTH = 3_000
SPEED = 150  # characters a second: at full speed all texts may be complete before the replica is killed


@dataclass
class Visitor:
    """A page with one text, which asks for the rest of it after a broken connection, as often as `connections` says."""

    page: PageClient
    seed: int
    text: str = ""
    connections: int = 0

    async def read(self) -> str:
        request = self.page.request(PRETRAINED.name, "ROMEO:", seed=self.seed, length=LENGTH, speed=SPEED)
        while True:
            self.connections += 1
            try:
                async for event in self.page.events({**request, "received": self.text}):
                    self.text += event.get("text", "")
                    if "end" in event:
                        assert event["end"] == "length", event
                        return self.text
            except (httpx.TransportError, httpx.HTTPStatusError):  # the replica or its proxy has ended
                await asyncio.sleep(0.05)


@posix_only
def test_killing_a_replica_changes_no_text(tmp_path: Path) -> None:
    async def write_all(url: str) -> tuple[list[str], int]:
        async with httpx.AsyncClient(timeout=120, limits=httpx.Limits(max_connections=None)) as http:
            visitors = [Visitor(PageClient(http, f"{url}/"), seed) for seed in range(TEXTS)]
            tasks = [asyncio.create_task(visitor.read()) for visitor in visitors]
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
