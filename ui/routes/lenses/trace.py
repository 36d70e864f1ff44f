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
        character was computed, see ``trace_answers``. "settings" are those of the reply, null if the model did not
        write the character; "draw" is the index of its random number, null if it was not drawn.
    "why": 33      how much each of the 64 characters before it mattered: {"surprisal": 2.1, "start": 0,
        "changes": [0.3, …], "more": false}. "changes" says for each character from "start" on how many bits more the
        character at 33 costs without it, null where it would have no prediction. "more" is always false here; the
        worker of the static page sends true while it has not finished.

Every answer has "server". If the server does not have the beginning of the text, the answer is {"unknown": true, …}. A
refused request gets {"refusal": MESSAGE, …}, with "gone" if another commit of the model is served; the status is 200,
unless the request may be repeated later.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field

from fastapi import Request
from fastapi.responses import JSONResponse

from model import Blend, TextTrace
from model.attribution import WINDOW, occlusion_in_slices

from ...access.addresses import group_of
from ...access.answers import HEADERS, refusal_content
from ...access.workers import Workers
from ...conversation import FairCache, ReadText
from ...messages import RefusalError
from ...registry.loaded_model import LoadedModel
from ...settings import MAX_LENGTH, MAX_TEXT, Fields, check_params, refused
from ..requests import Services, address_of, route, stretches_of, while_connected
from .trace_answers import Answer, answer_at, answer_from, answer_why

MAX_TRACES = 64  # that are kept; a text whose trace was removed is read again
_WHY_WAITING, _WHY_WAITING_EACH = 32, 16  # each that has started holds 64 states
_SLICE = 64  # characters that are read on the way to a position before another request gets its turn
_WHILE_WRITING_S = 0.004  # of work per answer while the model writes, so that the replies stay smooth
_AT_REST_S = 0.02
_LONGEST = MAX_TEXT + MAX_LENGTH  # characters


@dataclass(eq=False)
class _Text:
    """A text of a page, and its trace.

    Attributes:
        text: the whole text.
        key: the model, start and share of the trace.
        trace: the trace of the text; None before the first request.
        lock: held during each request about the text.
    """

    text: str = ""
    key: tuple[LoadedModel, bool, float | None] | None = None
    trace: TextTrace | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True)
class _Question:
    """A question about a text, and the changed end of the text.

    Attributes:
        kind: "from", "at" or "why".
        position: the character that the question is about.
        at, tail: what the text is from a position on.
    """

    fields: Fields
    served: LoadedModel
    kind: str
    position: int
    at: int
    tail: str


class Traces:
    """Answers the requests of all lenses."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.workers = Workers(services.limiter, at_once=2)
        waiting = {"max_waiting": _WHY_WAITING, "max_waiting_each": _WHY_WAITING_EACH}
        self.why_workers = Workers(services.limiter, at_once=1, **waiting)
        self._server = secrets.token_hex(8)
        self._texts: FairCache[_Text] = FairCache(MAX_TRACES)
        services.registry.on_unload.append(self._remove_traces)
        self.route = route("/trace", self._respond)

    async def _respond(self, request: Request) -> JSONResponse:
        try:
            fields, address = await self._services.fields(request), address_of(request)
            answer = await while_connected(request, self._answer(fields, address))
        except RefusalError as refusal:
            if refusal.wait_s:
                raise
            answer = refusal_content(refusal)  # as 404 it would be an error in the browser's console
        return JSONResponse({"server": self._server, **answer}, headers=HEADERS)

    async def _answer(self, fields: Fields, address: str) -> Answer:
        id_, question = fields.hex("trace"), _question(fields, await self._services.model(fields, address))
        text = self._texts.get(id_)
        if question.at and (fields.values.get("server") != self._server or text is None):
            return {"unknown": True}
        async with self.workers.work(address):
            if text is None:
                text = self._texts.get(id_) or _Text()
                self._texts.put(id_, text, group_of(address))
            async with text.lock:
                return await self._in_slices(text, question, address)

    async def _in_slices(self, text: _Text, question: _Question, address: str) -> Answer:
        """Returns the answer; other requests are served between two slices while a long text is read."""
        trace = await self.workers.run(address, _set_text, text, question)
        if trace is None:
            return {"unknown": True}
        position, is_why = question.position, question.kind == "why"
        if question.kind != "from" and position >= len(trace):
            raise RefusalError("refusal.no_character")
        read_to = max(0, position - WINDOW) if is_why else min(position, len(trace))
        while not await self.workers.run(address, trace.approach, read_to, _SLICE):
            pass
        if question.kind == "at":
            return await self.workers.run(address, answer_at, trace, question.fields)
        if question.kind == "from":
            seconds = _AT_REST_S if question.served.engine.idle else _WHILE_WRITING_S
            return await self.workers.run(address, answer_from, trace, question.fields, seconds)
        return answer_why(await self.why_workers.run_slices(address, occlusion_in_slices(trace, position)))

    def _remove_traces(self, unloaded: LoadedModel) -> None:
        """Removes the traces that refer to the weights of an unloaded model."""
        for id_, text in self._texts:
            if text.key and unloaded in (text.key[0], *text.key[0].parts):
                self._texts.remove(id_)


def _question(fields: Fields, served: LoadedModel) -> _Question:
    kind = next((name for name in ("why", "at") if name in fields), "from")
    changed = fields.object("tail")
    at, tail = changed.whole("at"), changed.text("text", most=_LONGEST)
    if at + len(tail) > _LONGEST:
        raise RefusalError("refusal.characters", field="text", length=at + len(tail), most=_LONGEST)
    if fields.whole("length") != at + len(tail):
        raise refused("length", fields.values["length"], "that of the whole text")
    return _Question(fields, served, kind, fields.whole(kind), at, tail)


def _set_text(text: _Text, question: _Question) -> TextTrace | None:
    """Returns the trace of the whole text; None if the server does not have the text's beginning."""
    if question.at > len(text.text):
        return None
    fields, served = question.fields, question.served
    whole = text.text[: question.at] + question.tail
    clamps = stretches_of(fields, served, len(whole))
    start = ReadText(served, whole, fields.flag("start")).start
    share = check_params({"share": fields.values.get("share")}).share if served.is_blend else None
    key = served, start, share
    if text.trace is None or text.key != key:
        lm = served.lm if share is None else Blend(served.lm.models[0], served.lm.models[1], share)
        text.trace, text.key = TextTrace(lm, skip_start=not start, precision=served.engine.precision), key
    text.text = whole
    text.trace.set_text(whole, clamps)
    return text.trace
