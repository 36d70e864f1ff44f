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
the same reply, from the process that writes it or from another one, which continues the same text. A refused request
gets {"refusal": MESSAGE} and the status 400; 404 for a model that is not served, with "gone" if another commit is; 413,
429 or 503.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from functools import partial

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from starlette.routing import Route

from ..access.limits import Limiter
from ..access.workers import Workers
from ..conversation.progress import check_words
from ..conversation.states import States
from ..json_body import parse_json, read_body, read_json
from ..messages import Message, RefusalError
from ..registry.lookup import LOADING
from ..registry.registry import ModelRegistry
from ..settings import MAX_STEPS, check_text
from .requests import (
    HEADERS,
    Query,
    address_of,
    digest_of,
    hex_of,
    malformed,
    model_of,
    parse_write,
    refusal_response,
    wait_for_models,
)
from .running_replies import EventStream, Prepared, RunningReplies, RunningReply, event

log = logging.getLogger("char-lstm")

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
        self.routes = [Route(path, answer, methods=["POST"]) for path, answer in answers.items()]

    async def respond(self, request: Request) -> Response:
        """Streams a reply, or refuses to write it."""
        try:
            return await self._reply(await read_body(request), address_of(request))
        except RefusalError as refusal:
            return refusal_response(refusal)
        except Exception:
            log.exception("a reply could not be started")
            return JSONResponse({"refusal": Message("fault.again").as_json()}, 500, HEADERS)

    async def respond_to_stop(self, request: Request) -> Response:
        """Ends a reply."""
        try:
            query = await read_json(request, self._preparing)
            return JSONResponse({"stopped": self.replies.stop(hex_of(query, "id"))}, headers=HEADERS)
        except RefusalError as refusal:
            return refusal_response(refusal)

    async def respond_to_check(self, request: Request) -> Response:
        """Refuses texts that contain a blocked word."""
        address = address_of(request)
        try:
            query = await read_json(request, self._preparing)
            served, texts = model_of(query, self._registry), query.get("texts")
            if not isinstance(texts, list) or len(texts) > MAX_STEPS:
                raise malformed(f"texts must be a list of at most {MAX_STEPS} texts")
            for text in texts:
                check_text("prompt", text)
            for text in texts:
                await self._workers.run_slices(address, check_words(served, text))
            return JSONResponse({}, headers=HEADERS)
        except RefusalError as refusal:
            return refusal_response(refusal)

    async def _reply(self, body: bytes, address: str) -> Response:
        query, digest, prepared = await self._preparing.run(address, self._prepare, body)
        received = query.get("received", "")
        reply = self.replies.find(hex_of(query, "id"), digest, received) if isinstance(received, str) else None
        if reply is None:
            if isinstance(prepared, RefusalError):
                if prepared.id not in LOADING:
                    raise prepared
                await wait_for_models(query, self._registry)
                prepared = self.replies.prepare(parse_write(query, self._registry))
            if len(prepared.request.received) == prepared.request.params.length:  # the page lacks only the end
                return EventStream(_nothing_left(prepared.request.params.length))
            reply = await self.replies.start(prepared, digest, address)
        reader = reply.connect()
        return EventStream(reply.events(reader, len(str(received))), partial(self._disconnect, reply, reader))

    def _prepare(self, body: bytes) -> tuple[Query, str, Prepared | RefusalError]:
        """Returns the parsed body, its digest, and the prepared reply, or why it is refused if it is not written yet.

        All in one slice, so that few parsed requests are in memory at once.
        """
        query = parse_json(body)
        digest = digest_of(query)
        try:
            return query, digest, self.replies.prepare(parse_write(query, self._registry))
        except RefusalError as refusal:
            return query, digest, refusal

    def _disconnect(self, reply: RunningReply, reader: asyncio.Event) -> None:
        reply.disconnect(reader, partial(self.replies.expire, reply))


async def _nothing_left(length: int) -> AsyncIterator[str]:
    yield event(length, end="length", error=None, rate=None)
