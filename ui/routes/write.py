"""Routes that write a reply for a page as server-sent events. The page keeps the conversation, and sends it each time.

    POST /write       {…, "settings": {…}, "draw_offset": 0, "cells": [], "speed": 60, "id": "…", "received": "",
                       "boundaries": [], "client": "…"}, with the fields of ``requests``
        settings      by their names in the API; the seed is required
        draw_offset   the index of the reply's first character among the draws of the seed
        cells         the cells that are clamped while it is written
        speed         characters per second; null is full speed
        id, client    of the reply and of the page: 8 to 64 hex digits that the page has chosen at random
        received      the beginning of the reply that the page has already
        boundaries    lengths of beginnings of the text whose state the server may have cached
    POST /write/check {"model": …, "second": …, "texts": ["…"]} refuses texts with a blocked word, such as the prompts
                      of a link before they are shown; otherwise {}
    POST /write/stop  {"id": "…"} ends a reply before its next character: {"stopped": true}, false if it has ended

The id of each event is the number of characters of the reply so far, those received before included. Its data is one of

    {"text": "…"}           more text
    {"status": [MESSAGE]}   until the first text
    {"end": REASON, "error": MESSAGE, "rate": 60}  why the reply has ended; the last event

If the connection breaks, the page sends the request again with the characters that it has received. It gets the rest of
the same reply, from the process that writes it or from another one, which continues the same text. A request
for a model that is not served gets 404.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from ..access.answers import HEADERS
from ..access.limits import Limiter
from ..access.workers import Workers
from ..conversation.progress import check_words
from ..conversation.states import States
from ..json_body import read_json
from ..registry.registry import ModelRegistry
from ..settings import MAX_STEPS, check_text
from .requests import (
    Query,
    address_of,
    digest_of,
    hex_of,
    malformed,
    model_of,
    parse_write,
    route,
    wait_for_models,
)
from .running_replies import EventStream, RunningReplies, RunningReply, event

PATH = "/write"
STOP_PATH = "/write/stop"
CHECK_PATH = "/write/check"


class Writer:
    """Writes the replies of all pages.

    Args:
        registry: the models that are served.
        limiter: counts what each address uses.
        preparing: the threads that read requests.
    """

    def __init__(self, registry: ModelRegistry, limiter: Limiter, preparing: Workers) -> None:
        self._registry = registry
        self.states = States()
        self._workers = Workers(limiter, at_once=1)
        self._preparing = preparing
        self.replies = RunningReplies(self.states, limiter, preparing)
        answers = {PATH: self.respond, STOP_PATH: self.respond_to_stop, CHECK_PATH: self.respond_to_check}
        self.routes = [route(path, answer) for path, answer in answers.items()]

    async def respond(self, request: Request) -> Response:
        """Streams a reply."""
        return await self._reply(await read_json(request, self._preparing), request)

    async def respond_to_stop(self, request: Request) -> Response:
        """Ends a reply."""
        query = await read_json(request, self._preparing)
        return JSONResponse({"stopped": self.replies.stop(hex_of(query, "id"))}, headers=HEADERS)

    async def respond_to_check(self, request: Request) -> Response:
        """Refuses texts that contain a blocked word."""
        query = await read_json(request, self._preparing)
        served, texts = model_of(query, self._registry), query.get("texts")
        if not isinstance(texts, list) or len(texts) > MAX_STEPS:
            raise malformed(f"texts must be a list of at most {MAX_STEPS} texts")
        for text in texts:
            check_text("prompt", text)
        for text in texts:
            await self._workers.run_slices(address_of(request), check_words(served, text))
        return JSONResponse({}, headers=HEADERS)

    async def _reply(self, query: Query, request: Request) -> Response:
        received = query.get("received", "")
        reply = None
        address = address_of(request)
        digest = await self._preparing.run(address, digest_of, query)
        if isinstance(received, str):
            reply = self.replies.find(hex_of(query, "id"), digest, received)
        if reply is None:
            await wait_for_models(query, self._registry)
            wanted = await self._preparing.run(address, parse_write, query, self._registry)
            if len(wanted.received) == wanted.params.length:  # the page lacks only the end
                return EventStream(_nothing_left(wanted.params.length))
            reply = await self.replies.start(wanted, digest, address)
        reader = reply.connect()
        return EventStream(reply.events(reader, len(str(received))), partial(self._disconnect, reply, reader))

    def _disconnect(self, reply: RunningReply, reader: asyncio.Event) -> None:
        reply.disconnect(reader, partial(self.replies.expire, reply))


async def _nothing_left(length: int) -> AsyncIterator[str]:
    yield event(length, end="length", error=None, rate=None)
