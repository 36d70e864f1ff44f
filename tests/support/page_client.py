"""A client of the page without a browser: it keeps the text of its conversation as the page does, and asks for more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import httpx

from tests.support.write_client import PageClient, RefusedError, Reply

TIMEOUT_S = 120
# uvicorn closes a connection that was idle for 5 s; a request sent at that moment would fail.
LIMITS = httpx.Limits(max_connections=None, keepalive_expiry=2)
_PAUSE_S = 0.05  # before a broken connection is tried again
_ATTEMPTS = 200


class Visitor:
    """A page with one conversation.

    Args:
        http: the HTTP client; visitors may share one.
        url: the address of the app.
        model: the name of the model; "" for the first one.

    Attributes:
        text: all that the model has read and written.
        model: the model that is served under the name, once the visitor has arrived.
        connections: how often a reply was asked for, reconnections included.
    """

    def __init__(self, http: httpx.AsyncClient, url: str, model: str = "") -> None:
        self.page = PageClient(http, url)
        self.text = ""
        self.model: dict[str, Any] = {}
        self.connections = 0
        self._name = model
        self._boundaries: list[int] = []
        self._start = False
        self._seed = self._draws = 0
        self._request: dict[str, Any] = {}

    async def arrive(self) -> None:
        """Ask which models there are, as the page does when it opens and now and then."""
        answer = await self.page.http.get(f"{self.page.url}site")
        models = answer.raise_for_status().json()["models"]
        self.model = next(each for each in models if self._name in ("", each["name"]) and not each["failure"])

    async def send(self, prompt: str, **given: Any) -> Reply:
        """Press Send, and return the whole reply. Settings and other fields are given by their names."""
        return await Reply.of(self.events(prompt, **given))

    async def continue_reply(self, **given: Any) -> Reply:
        """Press Continue, and return all that is added."""
        return await Reply.of(self.events(None, **given))

    async def stop(self) -> bool:
        """Press Stop; returns whether something was being written."""
        answer = await self.page.http.post(f"{self.page.url}write/stop", json={"id": self._request["id"]})
        return bool(answer.raise_for_status().json()["stopped"])

    async def events(self, prompt: str | None, **given: Any) -> AsyncGenerator[dict[str, Any], None]:
        """Press Send, or Continue without a prompt, and yield the events of the reply, through broken connections.

        Raises:
            RefusedError: nothing is written.
        """
        if not self.model:
            await self.arrive()
        for attempt in range(_ATTEMPTS):
            request = self._request = self._next_request(prompt, **given)
            try:
                async with aclosing(self._connected(request)) as events:
                    async for event in events:
                        yield event
                break
            except RefusedError as refused:
                if not refused.content.get("gone") or attempt == _ATTEMPTS - 1:
                    raise
                await self.arrive()  # a newer commit is served
        self._boundaries = [len(self.text), *self._boundaries][:16]

    def _next_request(self, prompt: str | None, **given: Any) -> dict[str, Any]:
        whole = self.text + (prompt or "")
        if not self.text:
            self._start = not set(whole) & set(self.model["vocab"])
        self._seed, offset = (self._seed, self._draws) if prompt is None else (given.get("seed", 7), 0)
        boundaries = [each for each in self._boundaries if each <= len(whole)]
        fields = {"start": self._start, "draw_offset": offset, "boundaries": boundaries, **given}
        request = self.page.request(self.model["name"], whole, **{**fields, "seed": self._seed})
        return {**request, "model": {"name": self.model["name"], "commit": self.model["commit"]}}

    async def _connected(self, request: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """The events of a reply; after a broken connection the rest of it."""
        for attempt in range(_ATTEMPTS):
            self.connections += 1
            try:
                async with aclosing(self.page.events(request)) as events:
                    async for event in events:
                        request["received"] += event.get("text", "")
                        self.text = request["text"] + request["received"]
                        self._draws = request["draw_offset"] + len(request["received"])
                        yield event
                        if "end" in event:
                            return
            except (httpx.TransportError, httpx.HTTPStatusError):
                if attempt == _ATTEMPTS - 1:
                    raise
            await asyncio.sleep(_PAUSE_S)
        raise AssertionError("the stream of a reply has no end")
