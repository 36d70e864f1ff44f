"""A route for the lenses: how a model reads a text, whose conversation the page keeps.

The model reads the text again, in the precision that generated it, a few characters per request. A page sends only the
changed end of a text; it sends the whole text again if the server no longer has it.

    POST /trace  {"trace": ID, "server": ID, "tail": {"at": 120, "text": "…"}, "length": 140, …}, with the fields of
                 ``requests`` but for the text
        trace    of the text, drawn by the page: 8 to 64 hex digits
        server   the id of the server that has the text, from an earlier answer; "" if none has
        tail     the text is what the server has, up to "at", with "text" after it
        length   of the whole text
        share    the weight of the second model of a blend; null is its own

and one of

    "from": 120    the characters from this position on, as many as can be read in a few milliseconds:
        {"bits": [2.1, null, -1, …], "more": true}; null where there is no prediction, -1 for a character that the
        model does not know. With "cell": [layer, index] also "values": 127 tanh(c) of this cell after each character,
        null if the model has no such cell. With "layer": n also "columns": the same for all cells of the layer, one
        byte each, in base64, for at most 256 characters.
    "at": 33       one character: {"top": [["e", -0.2], …], "rest": [-4.1, …]}, the most likely characters with their
        logits, then other logits. With "cell" also "gates": [i, f, g, o] of this cell, "cell": [c before, c after], and
        "held": whether it was clamped. With "step": {"settings": {…}, "draw": 7, "picked": false} also "step": how the
        character was computed, see ``step_lens``. "settings" are those of the reply, null if the model did not write
        the character; "draw" is the index of its random number, null if it was not drawn. With "first_layer": true
        also "first_layer": {"top": …, "rest": …}, what the output layer makes of the first layer's h; null for a
        network of one layer, for a blend, and without a prediction.
    "why": 33      how much each of the 64 characters before it mattered: {"surprisal": 2.1, "start": 0,
        "changes": [0.3, …], "more": false}. "changes" says for each character from "start" on how many bits more the
        character at 33 costs without it, null where it would have no prediction. "more" is always false here; the
        worker of the static page sends true while it has not finished.

Every answer has "server". If the server does not have the beginning of the text, the answer is {"unknown": true, …}.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field

from fastapi import Request
from fastapi.responses import JSONResponse

from model import TextTrace
from model.attribution import WINDOW, occlusion_in_slices
from model.clamps import Stretches

from ...access.answers import HEADERS
from ...access.clients import group_of
from ...access.connected import while_connected
from ...access.limits import Limiter
from ...access.workers import Workers
from ...conversation.read_text import ReadText
from ...fair_cache import FairCache
from ...json_body import read_json
from ...messages import RefusalError
from ...registry.loaded_model import LoadedModel
from ...registry.registry import ModelRegistry
from ...settings import MAX_LENGTH, check_params, check_text
from ..requests import (
    MAX_TEXT,
    Query,
    address_of,
    hex_of,
    malformed,
    model_of,
    read_text_of,
    route,
    stretches_of,
    wait_for_models,
)
from .trace_answers import Answer, answer_at, answer_from, answer_why, occlusion_within, read_position

PATH = "/trace"
MAX_TRACES = 64  # that are kept; a text whose trace was removed is read again
_AT_ONCE = 2  # requests that are computed at once
_WHY_AT_ONCE = 1
_WHY_WAITING, _WHY_WAITING_EACH = 32, 16  # each that has started holds 64 states
_SLICE = 64  # characters that are read on the way to a position before another request gets its turn
_WHILE_WRITING_S = 0.004  # of work per answer while the model writes, so that the replies stay smooth
_AT_REST_S = 0.02


@dataclass(eq=False)
class _Text:
    """A text of a page, and its trace.

    Attributes:
        text: the whole text.
        served: the model of the trace.
        key: the model, start and share of the trace.
        trace: the trace of the text; None before the first request.
        lock: held during each request about the text.
    """

    text: str = ""
    served: LoadedModel | None = None
    key: tuple[LoadedModel, bool, float | None] | None = None
    trace: TextTrace | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True)
class _Change:
    """The model and the changed end of a text, as a request names them."""

    served: LoadedModel
    at: int
    tail: str
    length: int
    share: float | None
    query: Query


class Traces:
    """Answers the requests of all lenses.

    Args:
        registry: the models that are served.
        limiter: counts what each address uses.
        preparing: the threads that read requests.
    """

    def __init__(self, registry: ModelRegistry, limiter: Limiter, preparing: Workers) -> None:
        self._registry = registry
        self._preparing = preparing
        self.workers = Workers(limiter, at_once=_AT_ONCE)
        self.why_workers = Workers(
            limiter, at_once=_WHY_AT_ONCE, max_waiting=_WHY_WAITING, max_waiting_each=_WHY_WAITING_EACH
        )
        self._server = secrets.token_hex(8)
        self._texts: FairCache[_Text] = FairCache(MAX_TRACES)
        registry.on_unload.append(self._remove_traces)
        self.route = route(PATH, self.respond)

    async def respond(self, request: Request) -> JSONResponse:
        """Answers one request."""
        query = await read_json(request, self._preparing)
        answer = await while_connected(request, self._answer(query, address_of(request)))
        return JSONResponse({"server": self._server, **answer}, headers=HEADERS)

    async def _answer(self, query: Query, address: str) -> Answer:
        await wait_for_models(query, self._registry)
        id_, change = hex_of(query, "trace"), await self._preparing.run(address, self._change, query)
        name = next((name for name in ("why", "at") if name in query), "from")
        position = read_position(query, name)
        if change.at and (query.get("server") != self._server or id_ not in self._texts):
            return {"unknown": True}
        workers = self.why_workers if name == "why" else self.workers
        async with workers.work(address):
            return await self._in_order(id_, change, position, address)

    async def _in_order(self, id_: str, change: _Change, position: int, address: str) -> Answer:
        text = self._texts.get(id_)
        if text is None:
            text = _Text()
            self._texts.put(id_, text, group_of(address))
        async with text.lock:
            return await self._in_slices(text, change, position, address)

    async def _in_slices(self, text: _Text, change: _Change, position: int, address: str) -> Answer:
        """Returns the answer; other requests are served between two slices while a long text is read."""
        query = change.query
        trace = await self.workers.run(address, _set_text, text, change)
        if trace is None:
            return {"unknown": True}
        if ("at" in query or "why" in query) and position >= len(trace):
            raise RefusalError("refusal.no_character")
        read_to = max(0, position - WINDOW) if "why" in query else min(position, len(trace))
        while not await self.workers.run(address, trace.approach, read_to, _SLICE):
            pass
        if "why" in query:
            return await self._why(trace, change, position, address)
        return await self.workers.run(address, _answer, trace, change)

    async def _why(self, trace: TextTrace, change: _Change, position: int, address: str) -> Answer:
        slices = occlusion_in_slices(trace, position)
        while True:
            if found := await self.why_workers.run(address, occlusion_within, slices, _seconds(change)):
                return answer_why(found)

    def _change(self, query: Query) -> _Change:
        tail = query.get("tail")
        if not isinstance(tail, dict):
            raise malformed("tail must be an object with at and text")
        most = MAX_TEXT + MAX_LENGTH
        added, at, length = check_text("text", tail.get("text"), most), read_position(tail, "at"), query.get("length")
        if at + len(added) > most:
            raise RefusalError("refusal.characters", field="text", length=at + len(added), most=most)
        if length != at + len(added):
            raise malformed("length must be that of the whole text")
        served = model_of(query, self._registry)
        share = check_params({"share": query.get("share")}).share if served.is_blend else None
        return _Change(served, at, added, at + len(added), share, query)

    def _remove_traces(self, unloaded: LoadedModel) -> None:
        """Removes the traces that refer to the weights of an unloaded model."""
        for id_, text in self._texts:
            if text.served is unloaded or (text.served and unloaded in text.served.parts):
                self._texts.remove(id_)


def _set_text(text: _Text, change: _Change) -> TextTrace | None:
    """Returns the trace of the whole text; None if the server does not have the text's beginning."""
    if change.at > len(text.text):
        return None
    whole = text.text[: change.at] + change.tail
    read = read_text_of(change.query, change.served, whole)
    # ReadText leaves out the clamps of the step that reads the last character.
    stretches: Stretches = stretches_of(change.query, change.served, len(whole))
    text.text = whole
    trace = _trace_of(text, read, change)
    trace.set_text(whole, stretches)
    return trace


def _trace_of(text: _Text, read: ReadText, change: _Change) -> TextTrace:
    key = change.served, read.start, change.share
    if text.trace is None or text.key != key:
        lm, precision = change.served.lm.with_share(change.share), change.served.engine.precision
        text.trace = TextTrace(lm, skip_start=not read.start, precision=precision)
        text.served, text.key = change.served, key
    return text.trace


def _answer(trace: TextTrace, change: _Change) -> Answer:
    query = change.query
    return answer_at(trace, query) if "at" in query else answer_from(trace, query, _seconds(change))


def _seconds(change: _Change) -> float:
    """Returns how long one slice may work."""
    return _AT_REST_S if change.served.engine.idle else _WHILE_WRITING_S
