"""Requests of all kinds for minutes: the memory of the server stays as it was, and none of them is a fault."""

import asyncio
import json
import random
import time
from collections import Counter

import httpx
import pytest

from tests.integration.ui.access.test_generated_requests import run
from tests.support.app_process import resident_kb, started
from tests.support.page_client import LIMITS
from tests.support.request_bodies import BODIES

CALLS = 100_000
AT_ONCE = 16
MOST = 0.03  # by which the memory may grow in the second half
MALFORMED = [b"", b"{", b"[]", b'{"data": 1}', b'{"data": [9, 9]}', b'{"data": ["a", -1]}', b'{"text": "\xff"}']
KINDS = [*["/gradio_api/call/generate"] * 4, "/gradio_api/call/score", "/gradio_api/call/inspect", "/trace", "/write"]
KINDS += ["/v1/completions", "/gradio_api/queue/join", "/write/check", "/gradio_api/cancel"]


async def call(http: httpx.AsyncClient, number: int, statuses: Counter[int]) -> None:
    """One call, whose result is read, but for a few clients that leave."""
    chance = random.Random(number)
    path = chance.choice(KINDS)
    body = {name: value for name, value in BODIES[path].items() if name != "client"}
    body |= {name: f"{number:032x}" for name in ("id", "trace") if name in body}
    if "model" in body:
        body["model"] = {"name": "bundled", "commit": ""}
    if "session_hash" in body:
        body["session_hash"] = f"session-{number}"
    if path == "/write":
        body["client"] = f"{number:032x}"
    content = chance.choice(MALFORMED) if chance.random() < 0.1 else json.dumps(body).encode()
    answer = await http.post(path, content=content, headers={"content-type": "application/json"})
    statuses[answer.status_code] += 1
    if answer.status_code == 200 and "event_id" in answer.text and chance.random() < 0.9:
        event = answer.json()["event_id"]
        read = f"/gradio_api/queue/data?session_hash=session-{number}" if "join" in path else f"{path}/{event}"
        result = await http.get(read)
        assert result.status_code == 200, (path, content, result.text)


async def call_all(url: str, numbers: range) -> Counter[int]:
    """The calls, some at once; returns how often each status was answered."""
    statuses: Counter[int] = Counter()
    left = iter(numbers)

    async def some() -> None:
        for number in left:
            await call(http, number, statuses)

    async with httpx.AsyncClient(base_url=url, timeout=120, limits=LIMITS) as http:
        await asyncio.gather(*[some() for _ in range(AT_ONCE)])
    return statuses


def test_calls_of_all_kinds_leave_the_memory_as_it_was() -> None:
    half = CALLS // 2
    began = time.monotonic()
    with started() as (process, url):
        statuses = asyncio.run(call_all(url, range(half)))
        before = resident_kb(process.pid)
        statuses += asyncio.run(call_all(url, range(half, CALLS)))
        after = resident_kb(process.pid)
    seconds = time.monotonic() - began
    print(f"{CALLS:,} calls in {seconds:,.0f} s, {dict(sorted(statuses.items()))}")
    print(f"memory after half of the calls {before / 1024:.0f} MB, at the end {after / 1024:.0f} MB")
    assert after <= before * (1 + MOST)
    assert all(status < 500 or status == 503 for status in statuses)


REQUESTS = 20_000


@pytest.mark.filterwarnings("ignore:Do not use the `random` module")
def test_generated_requests_at_length(capfd: pytest.CaptureFixture[str]) -> None:
    statuses = run(REQUESTS)
    output = "".join(capfd.readouterr())
    print(f"{sum(statuses.values()):,} requests: {dict(sorted(statuses.items()))}")
    assert "Traceback" not in output
    assert sum(statuses.values()) >= REQUESTS * 0.9
