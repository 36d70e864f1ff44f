"""A route that streams a text to programs, as server-sent events. Any replica can continue the text of another.

    POST /stream   {"prompt": "ROMEO:", "temperature": 0.8, …}, with the arguments of /generate; all are optional
        commit     of the model, from an earlier answer; without it the one that is served now
        received   the beginning of the text that the program has already
        client     8 to 64 hex digits that the program chooses; replies of one client may wait for each other

The first event describes the text: {"model", "commit", "seed"}, with "blend_with", "blend_commit" and "share" for two
models. The others are {"text": "…"}, {"status": ["…"]} while the text waits, and last {"end": REASON, "error", "rate"}.
The id of each event is the number of characters so far.

If the connection breaks, the program sends its request again with the seed and the commit of the first event and with
the text that it has received. It gets the rest of the same text, from whichever process answers. A request that is
refused gets {"detail": "…"} and the status 400, 404, 413, 429 or 503.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator
from functools import partial

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from starlette.routing import Route

from model.settings import SETTINGS

from ..conversation.clamps import check_clamps
from ..conversation.read_text import ReadText
from ..json_body import read_json
from ..messages import RefusalError
from ..registry.loaded_model import LoadedModel
from ..registry.lookup import find_model
from ..registry.registry import ModelRegistry
from ..settings import check_params, check_text
from .requests import (
    HEADERS,
    Query,
    UnservedCommitError,
    WriteRequest,
    address_of,
    count_refusal,
    hex_of,
    malformed,
    status_of,
    wait_of,
)
from .running_replies import EventStream, RunningReplies, RunningReply, event

log = logging.getLogger("char-lstm")

PATH = "/stream"
_NAMES = {*SETTINGS, "prompt", "model", "commit", "hold", "blend_with", "received", "client"}
_PROGRAM = "0" * 8  # the client id of programs that send none


class Streams:
    """Streams texts to programs.

    Args:
        registry: the models that are served.
        replies: the replies that are being written, those of pages included.
    """

    def __init__(self, registry: ModelRegistry, replies: RunningReplies) -> None:
        self._registry = registry
        self._replies = replies
        self.route = Route(PATH, self.respond, methods=["POST"])

    async def respond(self, request: Request) -> Response:
        """Streams a text, or refuses to write it."""
        try:
            query = await read_json(request)
            wanted, about = await self._parse(query)
            if len(wanted.received) == wanted.params.length:  # the program lacks only the end
                return EventStream(_ending(wanted, about))
            reply = await self._replies.start(wanted, wanted.id, address_of(request))
        except RefusalError as refusal:
            count_refusal(refusal)
            wait = wait_of(refusal)
            headers = {**HEADERS, **(wait.headers if wait else {})}
            return JSONResponse({"detail": str(refusal)}, status_of(refusal), headers)
        except Exception:
            log.exception("a text could not be started")
            return JSONResponse({"detail": "something went wrong here: try again later"}, 500, HEADERS)
        reader = reply.connect()
        return EventStream(_events(reply, reader, about), partial(self._replies.expire, reply))

    async def _parse(self, query: Query) -> tuple[WriteRequest, dict[str, object]]:
        """Returns the checked request, and the content of the first event."""
        if unknown := query.keys() - _NAMES:
            raise malformed(f"{min(unknown)} is not an argument: use {', '.join(sorted(_NAMES))}")
        prompt = check_text("prompt", query.get("prompt", ""))
        params = check_params({name: query[name] for name in SETTINGS if name in query})
        served = await find_model(self._registry, query.get("model"))
        if query.get("commit", served.commit) != served.commit:
            raise UnservedCommitError("refusal.commit_gone", commit=str(query["commit"])[:7])
        about: dict[str, object] = {"model": served.name, "commit": served.commit, "seed": params.seed}
        if query.get("blend_with") is not None:
            served = await self._blend(served, query)
            second = served.parts[1]
            about |= {"blend_with": second.name, "blend_commit": second.commit, "share": served.share_of(params)}
        cells = check_clamps(query.get("hold") or [], served.lm.config)
        if cells and served.is_blend:
            raise RefusalError("refusal.clamps_with_blend", field="hold")
        received = check_text("received", query.get("received", ""), most=params.length)
        wanted = WriteRequest(
            id=secrets.token_hex(16),
            client=hex_of(query, "client") if "client" in query else _PROGRAM,
            before=ReadText(served, prompt),
            received=received,
            params=params,
            draw_offset=0,
            cells=cells,
            chars_per_second=None,
            boundaries=(),
        )
        return wanted, about

    async def _blend(self, served: LoadedModel, query: Query) -> LoadedModel:
        second = await find_model(self._registry, query["blend_with"])
        if second is served:
            raise RefusalError("refusal.same_second")
        return self._registry.blend(served, second)


async def _ending(wanted: WriteRequest, about: dict[str, object]) -> AsyncIterator[str]:
    yield event(len(wanted.received), **about)
    yield event(len(wanted.received), end="length", error=None, rate=None)


async def _events(reply: RunningReply, reader: asyncio.Event, about: dict[str, object]) -> AsyncIterator[str]:
    received = len(reply.request.received)
    yield event(received, **about)
    async for each in reply.events(reader, received, encode=str):
        yield each
