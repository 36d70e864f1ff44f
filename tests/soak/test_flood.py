"""One client floods every route while another visitor writes."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections import Counter
from multiprocessing import get_context
from multiprocessing.synchronize import Event

import httpx
import numpy as np

from tests.support.app_process import started
from tests.support.generated_requests import BODIES, CLOSED, READ
from tests.support.page_client import LIMITS, Visitor

SECONDS = 60.0
AT_ONCE = 64
LENGTH, SPEED = 90, 60
FLOOD, VISITOR = {"x-forwarded-for": "8.8.8.8", "content-type": "application/json"}, {"x-forwarded-for": "8.8.4.4"}
MOST_FIRST_S, LEAST_SPEED = 0.5, 0.9 * SPEED
LONG = "To be, or not to be, that is the question.\n" * 400


def bodies() -> dict[str, dict[str, object]]:
    """What costs the server most: long texts, and new ids."""
    model = {"name": "bundled", "commit": ""}
    written = {**BODIES["/write"], "model": model, "text": LONG, "settings": {"length": 5_000, "seed": 1}}
    traced = {**BODIES["/trace"], "model": model, "tail": {"at": 0, "text": LONG}, "length": len(LONG)}
    return {
        **BODIES,
        "/write": written,
        "/write/check": {"model": model, "second": None, "texts": [LONG] * 10},
        "/trace": {**traced, "at": len(LONG) - 1},
        "/v1/completions": {"prompt": LONG, "max_tokens": 5_000, "logprobs": 20},
        "/gradio_api/call/generate": {"data": [LONG, 5_000]},
        "/gradio_api/call/score": {"data": [LONG]},
        "/gradio_api/call/inspect": {"data": [LONG[:2_000]]},
    }


def why() -> dict[str, object]:
    """The question which of the 64 characters before the last one mattered."""
    body = bodies()["/trace"]
    return {name: value for name, value in body.items() if name not in ("at", "from")} | {"why": len(LONG) - 1}


def flood(url: str, end: Event, statuses: dict[int, int]) -> None:
    """Send requests until the end; runs in a process of its own."""

    async def one(http: httpx.AsyncClient, numbers: itertools.count[int], counts: Counter[int]) -> None:
        sent = [("POST", path, body) for path, body in bodies().items()]
        sent += [("POST", "/trace", why())]
        sent += [("GET", path, {}) for path in (*READ, *CLOSED)]
        while not end.is_set():
            number = next(numbers)
            method, path, body = sent[number % len(sent)]
            fresh = {name: f"{number:032x}" for name in ("id", "trace", "client") if name in body}
            content = json.dumps({**body, **fresh}) if method == "POST" else None
            try:
                async with http.stream(method, path, content=content) as answer:
                    counts[answer.status_code] += 1
                    async for _ in answer.aiter_bytes():
                        if end.is_set():
                            break
            except httpx.TransportError:
                counts[0] += 1

    async def all_of_them() -> Counter[int]:
        counts: Counter[int] = Counter()
        numbers = itertools.count()
        async with httpx.AsyncClient(base_url=url, timeout=20, headers=FLOOD, limits=LIMITS) as http:
            await asyncio.gather(*[one(http, numbers, counts) for _ in range(AT_ONCE)])
        return counts

    statuses.update(asyncio.run(all_of_them()))


async def visit(url: str, seconds: float) -> tuple[list[float], list[float]]:
    """Write one reply after the other; returns the seconds to each first character, and the characters per second."""
    first, speeds = [], []
    end = time.monotonic() + seconds
    async with httpx.AsyncClient(timeout=60, headers=VISITOR, limits=LIMITS) as http:
        seed = 0
        while time.monotonic() < end:
            seed += 1
            visitor = Visitor(http, url)
            await visitor.arrive()
            began, shown_at, written = time.monotonic(), 0.0, 0
            async for event in visitor.events("ROMEO:", length=LENGTH, speed=SPEED, seed=seed):
                if event.get("text"):
                    shown_at = shown_at or time.monotonic()
                    written += len(event["text"])
            first.append(shown_at - began)
            speeds.append((written - 1) / (time.monotonic() - shown_at))
    return first, speeds


def test_a_visitor_writes_while_another_client_floods_every_route() -> None:
    context = get_context("spawn")
    with started() as (process, url), context.Manager() as manager:
        asyncio.run(visit(url, 1))
        end, statuses = context.Event(), manager.dict()
        client = context.Process(target=flood, args=(url, end, statuses))
        client.start()
        try:
            first, speeds = asyncio.run(visit(url, SECONDS))
        finally:
            end.set()
            client.join()
        assert process.poll() is None
        counted = dict(sorted(statuses.items()))
    late, slow, median = float(np.percentile(first, 95)), float(np.percentile(speeds, 5)), float(np.median(speeds))
    print(f"flood: {sum(counted.values()):,} requests, {counted}")
    print(f"visitor: {len(first)} replies; first character after {late:.2f} s (95th percentile)")
    print(f"visitor: {median:.1f} characters per second (median), {slow:.1f} (5th percentile)")
    assert counted.get(429)
    assert late <= MOST_FIRST_S
    assert median >= LEAST_SPEED
