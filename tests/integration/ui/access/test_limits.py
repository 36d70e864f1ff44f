"""A client that exceeds a limit is refused; other clients are served."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.support.app_server import App, eventually
from tests.support.page_client import PageClient, RefusedError

pytestmark = pytest.mark.anyio
ONE, OTHER = {"x-forwarded-for": "8.8.8.8"}, {"x-forwarded-for": "8.8.4.4"}


@pytest.fixture
def page(app: App, http: httpx.AsyncClient) -> PageClient:
    http.headers.update(ONE)
    return PageClient(http, app.url)


def test_too_many_requests_are_refused_with_the_time_to_wait(app: App, limit: Callable[..., None]) -> None:
    limit(requests_per_minute=2)
    with httpx.Client(headers=ONE) as http:
        *first, last = [http.get(f"{app.url}site") for _ in range(3)]
    assert [response.status_code for response in first] == [200] * 2
    assert last.status_code == 429
    assert 1 <= int(last.headers["retry-after"]) <= 30
    assert last.json()["refusal"]["id"] == "refusal.too_many"
    assert last.json()["detail"].startswith("Too many requests from your address: try again in ")
    assert app.http.get("site", headers=OTHER).status_code == 200
    assert app.http.get("site").status_code == 200
    # Only the last address, which the proxy added, counts.
    forged = {"x-forwarded-for": "1.1.1.1, 8.8.8.8"}
    assert app.http.get("site", headers=forged).status_code == 429


async def test_replies_at_once_are_counted_over_the_page_and_the_api(
    app: App, page: PageClient, limit: Callable[..., None]
) -> None:
    limit(replies_at_once=2)
    limiter, engine = app.page.limiter, app.served("random").engine
    pages = [PageClient(page.http, page.url) for _ in range(3)]
    requests = [each.request("random", "", length=10_000, speed=5) for each in pages]
    tasks = [asyncio.create_task(each_page.read(each)) for each_page, each in zip(pages[:2], requests[:2], strict=True)]
    await asyncio.to_thread(eventually, lambda: engine.running == 2)
    with pytest.raises(RefusedError, match="2 replies are being written for your address") as refused:
        await pages[2].read(requests[2])
    assert refused.value.status == 429
    for session in (None, "one", "two"):  # the session, which a program chooses, has no effect
        assert "2 replies are being written" in app.call("generate", ["a", 5], session=session, **ONE)
    for user in ("mcp", "x"):
        assert "2 replies are being written" in app.call("generate", ["a", 5], **ONE, **{"x-gradio-user": user})
    for each in requests[:2]:
        assert await page.stop(each)
    await asyncio.gather(*tasks)
    eventually(lambda: limiter._replies["8.8.8.8"] == 0)


async def test_characters_are_counted_as_they_are_written(
    app: App, page: PageClient, limit: Callable[..., None]
) -> None:
    limit(characters_per_minute=600)
    reply = await page.write("random", "a" * 100, length=2_000)
    assert len(reply.text) == 2_000
    with pytest.raises(RefusedError, match="Too many requests from your address") as refused:
        await page.write("random", "a", length=5)
    assert refused.value.status == 429


@pytest.mark.parametrize("path", ["trace", "samples", "write", "gradio_api/call/score"])
def test_work_is_refused_with_the_time_to_wait(app: App, limit: Callable[..., None], path: str) -> None:
    limit(cpu_seconds_per_minute=1)
    app.page.limiter.spend_cpu("8.8.8.8", 3)
    asked = httpx.Request("GET" if path == "samples" else "POST", app.url + path, headers=ONE)
    with httpx.Client() as http:
        response = http.send(asked)
    assert response.status_code == 429
    assert int(response.headers["retry-after"]) >= 1
    assert response.json()["refusal"]["id"] == "refusal.too_many"


def test_reading_a_call_that_is_refused_counts(app: App, limit: Callable[..., None]) -> None:
    limit(cpu_seconds_per_minute=60)
    before = app.page.limiter.cpu_seconds._used.get("8.8.8.8", (0.0,))[0]
    nested: Any = {"data": [[[]] * 19_000]}  # a value of 19,001 items
    assert app.http.post("gradio_api/call/score", json=nested, headers=ONE).status_code == 400
    assert app.page.limiter.cpu_seconds._used["8.8.8.8"][0] > before


def test_bytes_are_limited(app: App, limit: Callable[..., None]) -> None:
    limit(megabytes_per_minute=2)
    answers = [app.http.post("trace", content=b" " * 300_000, headers=ONE).status_code for _ in range(6)]
    assert answers == [200] * 4 + [429] * 2
