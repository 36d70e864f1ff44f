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

    {"text": "…", "bits": [3.2]}  more text, and the surprisal of each character of it; no bits without lenses
    {"status": [MESSAGE]}   until the first text
    {"end": REASON, "error": MESSAGE, "rate": 60}  why the reply has ended; the last event

If the connection breaks, the reply ends. The page sends the request again with the characters that it has received, and
this process or another one continues the same text. A request for a model that is not served gets 404.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from ..access.answers import HEADERS
from ..conversation import ReadText
from ..messages import RefusalError
from ..registry.registry import LOADING
from ..settings import MAX_STEPS, check_text, parse_json
from .requests import WriteRequest, address_of, parse_write, route
from .running_replies import EventStream, RunningReplies, check_words, event


class Writer:
    """Writes the replies of all pages."""

    def __init__(self, replies: RunningReplies) -> None:
        self._services, self._replies = replies.services, replies
        answers = {"/write": self._write, "/write/stop": self._stop, "/write/check": self._check}
        self.routes = [route(path, answer) for path, answer in answers.items()]

    async def _stop(self, request: Request) -> JSONResponse:
        fields = await self._services.fields(request)
        return JSONResponse({"stopped": self._replies.stop(fields.hex("id"))}, headers=HEADERS)

    async def _check(self, request: Request) -> JSONResponse:
        """Refuses texts that contain a blocked word."""
        fields = await self._services.fields(request)
        served = await self._services.model(fields, address_of(request))
        for text in [check_text("prompt", each) for each in fields.list("texts", MAX_STEPS)]:
            await self._services.workers.run_slices(address_of(request), check_words(served, text))
        return JSONResponse({}, headers=HEADERS)

    async def _write(self, request: Request) -> Response:
        services, address, body = self._services, address_of(request), await request.body()
        try:
            wanted, before = await services.preparing.run(address, self._parse, body)
        except RefusalError as refusal:
            if refusal.id not in LOADING:
                raise
            await services.model(await services.fields(request), address)
            wanted, before = await services.preparing.run(address, self._parse, body)
        if len(wanted.received) == wanted.params.length:  # the page lacks only the end
            return EventStream(_nothing_left(wanted.params.length))
        reply = await self._replies.start(wanted, before, address)
        return EventStream(reply.events(), partial(self._replies.end, reply))

    def _parse(self, body: bytes) -> tuple[WriteRequest, ReadText]:
        """Returns the request in a body. Parsed, 2,000 clamps take a megabyte: only while this works."""
        fields = parse_json(body)
        return parse_write(fields, self._services.loaded_model(fields))


async def _nothing_left(length: int) -> AsyncIterator[str]:
    yield event(length, end="length", error=None, rate=None)
