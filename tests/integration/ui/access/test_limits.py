"""What a visitor gets who asks for too much, while another one is served."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import httpx
import pytest
from gradio_client import Client  # type: ignore[import-untyped]
from gradio_client.exceptions import AppError  # type: ignore[import-untyped]

from tests.support.app_server import App, eventually, random_model, serving
from tests.support.page_client import LIMITS, TIMEOUT_S
from tests.support.write_client import PageClient, RefusedError
from ui.access.limits import Limiter, Limits

ONE, OTHER = {"x-forwarded-for": "8.8.8.8"}, {"x-forwarded-for": "8.8.4.4"}


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    with serving({"random": random_model()}) as app:
        yield app


@pytest.fixture
def limit(app: App, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets limits of the running app for one test."""
    assert app.page
    limiter = app.page.limiter

    def limit(**given: int) -> None:
        fresh = Limiter(Limits(**given))
        for name, value in vars(fresh).items():
            monkeypatch.setattr(limiter, name, value)

    return limit


def visit(app: App, story: Callable[[PageClient], Coroutine[Any, Any, Any]], headers: dict[str, str]) -> Any:
    async def whole() -> Any:
        async with httpx.AsyncClient(timeout=TIMEOUT_S, limits=LIMITS, headers=headers) as http:
            return await story(PageClient(http, app.url))

    return asyncio.run(whole())


def test_too_many_requests_are_refused_with_the_time_to_wait(app: App, limit: Callable[..., None]) -> None:
    limit(requests_per_minute=2)
    with httpx.Client(headers=ONE) as http:
        *first, last = [http.get(f"{app.url}site") for _ in range(3)]
    assert [answer.status_code for answer in first] == [200] * 2
    assert last.status_code == 429
    assert 1 <= int(last.headers["retry-after"]) <= 30
    assert last.json()["refusal"]["id"] == "refusal.too_many"
    assert last.json()["detail"].startswith("Too many requests from your address: try again in ")
    assert httpx.get(f"{app.url}site", headers=OTHER).status_code == 200
    assert httpx.get(f"{app.url}site").status_code == 200
    # A client cannot name another address for itself in front of the one that the proxy has seen.
    forged = {"x-forwarded-for": "1.1.1.1, 8.8.8.8"}
    assert httpx.get(f"{app.url}site", headers=forged).status_code == 429


def test_replies_at_once_are_counted_over_the_page_and_the_api(app: App, limit: Callable[..., None]) -> None:
    limit(replies_at_once=2)
    assert app.page
    limiter, engine = app.page.limiter, app.served("random").engine

    async def story(page: PageClient) -> None:
        pages = [PageClient(page.http, page.url) for _ in range(3)]
        requests = [each.request("random", "", length=10_000, speed=5) for each in pages]
        tasks = [asyncio.create_task(one.read(each)) for one, each in zip(pages[:2], requests[:2], strict=True)]
        await asyncio.to_thread(eventually, lambda: engine.running == 2)
        with pytest.raises(RefusedError, match="2 replies are being written for your address") as refused:
            await pages[2].read(requests[2])
        assert refused.value.status == 429
        for session in (None, "one", "two"):  # whatever session a program draws
            events = await call(page.http, app, "generate", ["a", 5], session)
            assert "2 replies are being written for your address" in events
        for headers in ({"x-gradio-user": "mcp"}, {"x-gradio-user": "x"}):
            assert "2 replies are being written" in await call(page.http, app, "generate", ["a", 5], **headers)
        for each in requests[:2]:
            await page.http.post(f"{app.url}write/stop", json={"id": each["id"]})
        await asyncio.gather(*tasks)

    visit(app, story, ONE)
    eventually(lambda: limiter.replies_of("8.8.8.8") == 0)


def test_characters_are_counted_as_they_are_written(app: App, limit: Callable[..., None]) -> None:
    limit(characters_per_minute=600)

    async def story(page: PageClient) -> None:
        reply = await page.write("random", "a" * 100, length=2_000)
        assert len(reply.text) == 2_000
        with pytest.raises(RefusedError, match="Too many requests from your address") as refused:
            await page.write("random", "a", length=5)
        assert refused.value.status == 429

    visit(app, story, ONE)


async def call(
    http: httpx.AsyncClient, app: App, name: str, data: list[Any], session: str | None = None, **headers: str
) -> str:
    """All events of a call of the API."""
    body = {"data": data, **({"session_hash": session} if session else {})}
    posted = await http.post(f"{app.url}gradio_api/call/{name}", json=body, headers=headers)
    return (await http.get(f"{app.url}gradio_api/call/{name}/{posted.json()['event_id']}")).text


@pytest.mark.parametrize("name", ["score", "inspect"])
def test_calls_that_compute_are_questions(app: App, limit: Callable[..., None], name: str) -> None:
    limit(lens_questions_per_minute=2)

    async def story(page: PageClient) -> None:
        for _ in range(2):
            assert "event: complete" in await call(page.http, app, name, ["To be"])
        assert "Too many requests from your address" in await call(page.http, app, name, ["To be"])

    visit(app, story, ONE)


@pytest.mark.parametrize("path", ["trace", "timeline", "write/check"])
def test_questions_of_the_page_are_refused_with_the_time_to_wait(
    app: App, limit: Callable[..., None], path: str
) -> None:
    limit(lens_questions_per_minute=1)
    httpx.post(app.url + path, json={}, headers=ONE)
    answer = httpx.post(app.url + path, json={}, headers=ONE)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.json()["refusal"]["id"] == "refusal.too_many"


def test_the_processor_is_shared_by_time(app: App, limit: Callable[..., None]) -> None:
    limit(cpu_seconds_per_minute=1)

    async def story(page: PageClient) -> None:
        assert "event: complete" in await call(page.http, app, "inspect", ["To be, or not to be " * 50])
        assert "Too many requests from your address" in await call(page.http, app, "inspect", ["To be"])

    visit(app, story, ONE)
    visit(app, lambda page: page.write("random", "a", length=5), ONE)  # a reply is no question


def test_a_program_gets_a_clear_error(app: App, limit: Callable[..., None]) -> None:
    client = Client(app.url, verbose=False, headers=ONE)
    limit(lens_questions_per_minute=1)
    client.predict("To be", api_name="/score")
    with pytest.raises(AppError, match="Too many requests from your address: try again in "):
        client.predict("To be", api_name="/score")
    client.close()
