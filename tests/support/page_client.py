"""Clients of the page without a browser: one asks for replies and reads them, one asks again as the page does."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.support.english import english

TIMEOUT_S = 120
# uvicorn closes a connection that was idle for 5 s; a request sent at that moment would fail.
LIMITS = httpx.Limits(max_connections=None, keepalive_expiry=2)
_PAUSE_S = 0.05  # before a broken connection is tried again
_ATTEMPTS = 200
_MESSAGES = ("status", "refusal", "error")


class RefusedError(Exception):
    """The server refused a request.

    Attributes:
        status: of the answer.
        content: of the answer, with English texts.
    """

    def __init__(self, answer: httpx.Response) -> None:
        self.status = answer.status_code
        self.content = {**answer.json(), "refusal": english(answer.json().get("refusal"))}
        super().__init__(f"{self.status}: {self.content}")


@dataclass
class Reply:
    """A reply as a page receives it.

    Attributes:
        text: of all its events.
        ending: the last event.
    """

    text: str = ""
    ending: dict[str, Any] = field(default_factory=dict)

    @classmethod
    async def of(cls, events: AsyncGenerator[dict[str, Any], None]) -> Reply:
        """Reads all events of a reply."""
        reply = cls()
        async for event in events:
            reply.text += event.get("text", "")
            if "end" in event:
                reply.ending = event
        return reply


@dataclass
class PageClient:
    """One page.

    Attributes:
        http: the HTTP client; pages may share one.
        url: the address of the app.
        client: the id by which the server distinguishes pages.
    """

    http: httpx.AsyncClient
    url: str
    client: str = field(default_factory=lambda: uuid.uuid4().hex)

    def request(self, model: str, text: str, **given: Any) -> dict[str, Any]:
        """A request for a reply; settings may be given by their names, and any other field."""
        settings = {
            name: given.pop(name) for name in ("length", "temperature", "top_k", "stop", "share") if name in given
        }
        return {
            "model": {"name": model, "commit": ""},
            "second": None,
            "text": text,
            "start": False,
            "clamps": [],
            "settings": {"length": 50, "temperature": 0.8, "seed": given.pop("seed", 7), **settings},
            "draw_offset": 0,
            "cells": [],
            "speed": None,
            "id": uuid.uuid4().hex,
            "received": "",
            "boundaries": [],
            "client": self.client,
            **given,
        }

    async def events(self, request: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """Yield the events of a reply, with their ids."""
        async with self.http.stream("POST", f"{self.url}write", json=request) as answer:
            if answer.status_code != 200:
                await answer.aread()
                if "json" not in answer.headers.get("content-type", ""):  # of a proxy whose replica has ended
                    answer.raise_for_status()
                raise RefusedError(answer)
            assert answer.headers["content-type"].startswith("text/event-stream")
            id_, written = "", len(request["received"])
            async for line in answer.aiter_lines():
                name, _, value = line.partition(": ")
                if name == "id":
                    id_ = value
                elif name == "data":
                    event = json.loads(value)
                    shown = {each: english(event[each]) for each in _MESSAGES if event.get(each) is not None}
                    written += len(event.get("text", ""))
                    assert int(id_) == written
                    yield {"id": int(id_), **event, **shown}

    async def write(self, model: str, text: str, **given: Any) -> Reply:
        """Ask for a reply and return it."""
        return await self.read(self.request(model, text, **given))

    async def read(self, request: dict[str, Any]) -> Reply:
        """Return a whole reply."""
        return await Reply.of(self.events(request))


class Visitor:
    """A page with one reply, which asks for the rest of it after a broken connection.

    Args:
        http: the HTTP client; visitors may share one.
        url: the address of the app.
        model: the name of the model; "" for the first one.

    Attributes:
        text: the prompt and what the model has written after it.
        model: the model that is served under the name, once the visitor has arrived.
        connections: how often a reply was asked for, reconnections included.
    """

    def __init__(self, http: httpx.AsyncClient, url: str, model: str = "") -> None:
        self.page = PageClient(http, url)
        self.text = ""
        self.model: dict[str, Any] = {}
        self.connections = 0
        self._name = model
        self._request: dict[str, Any] = {}

    async def arrive(self) -> None:
        """Ask which models there are, as the page does when it opens and now and then."""
        answer = await self.page.http.get(f"{self.page.url}site")
        models = answer.raise_for_status().json()["models"]
        self.model = next(each for each in models if self._name in ("", each["name"]) and not each["failure"])

    async def send(self, prompt: str, **given: Any) -> Reply:
        """Press Send, and return the whole reply. Settings and other fields are given by their names."""
        return await Reply.of(self.events(prompt, **given))

    async def stop(self) -> bool:
        """Press Stop; returns whether something was being written."""
        answer = await self.page.http.post(f"{self.page.url}write/stop", json={"id": self._request["id"]})
        return bool(answer.raise_for_status().json()["stopped"])

    async def events(self, prompt: str, **given: Any) -> AsyncGenerator[dict[str, Any], None]:
        """Press Send, and yield the events of the reply, through broken connections.

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

    def _next_request(self, prompt: str, **given: Any) -> dict[str, Any]:
        start = not set(prompt) & set(self.model["vocab"])
        request = self.page.request(self.model["name"], prompt, **{"start": start, **given})
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
                        yield event
                        if "end" in event:
                            return
            except (httpx.TransportError, httpx.HTTPStatusError):
                if attempt == _ATTEMPTS - 1:
                    raise
            await asyncio.sleep(_PAUSE_S)
        raise AssertionError("the stream of a reply has no end")
