"""A route for the lenses of a page that keeps its conversation: how a model reads a text.

The model reads the text again, in the precision that generated it, a few characters per request. A page sends only
what has changed of a text; a text that the server has forgotten is sent again.

    POST /trace  {"trace": ID, "server": ID, "tail": {"at": 120, "text": "…"}, "length": 140, …}, with the fields of
                 ``requests`` but for the text
        trace    of the text, drawn by the page: 8 to 64 hex digits
        server   the id of the server that has the text, from an earlier answer; "" if none has
        tail     the text is what the server has, up to "at", with "text" after it
        length   of the whole text
        share    the weight of the second model of a blend; null is its own

and one of

    "from": 120    the characters from this position on that can be read in some milliseconds:
        {"bits": [2.1, null, -1, …], "more": true}; null where there is no prediction, -1 for a character that the
        model does not know. With "cell": [layer, index] also "values": 127 tanh(c) of this cell after each character,
        null if the model has no such cell. With "layer": n also "columns": the same for all cells of the layer, one
        byte each, in base64, for at most 256 characters.
    "at": 33       one character: {"top": [["e", -0.2], …], "rest": [-4.1, …]}, the most likely characters with their
        logits, then other logits. With "cell" also "gates": [i, f, g, o] of this cell, "cell": [c before, c after], and
        "held": whether it was clamped. With "step": {"settings": {…}, "draw": 7, "picked": false} also "step": how the
        character was computed, see ``step_lens``. "settings" are those of the reply, null if the model did not write
        the character; "draw" is the index of its random number, null if it was not drawn.

Every answer has "server". One without the beginning of the text is {"unknown": true, …}; a request that is refused gets
{"refusal": MESSAGE, …}, with "gone" if another commit of the model is served.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import math
import secrets
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from fastapi import Request
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect

from model import SamplingParams, TextTrace, TokenTrace
from model.backends.backend import Floats
from model.clamps import Stretches
from model.settings import SETTINGS
from model.trace import UNKNOWN

from ..access.connected import while_connected
from ..access.limits import Limiter
from ..access.workers import Workers
from ..conversation.read_text import ReadText
from ..json_body import read_json
from ..messages import Message, RefusalError
from ..registry.loaded_model import LoadedModel
from ..registry.registry import ModelRegistry
from ..settings import MAX_LENGTH, check_params, check_text
from .requests import (
    HEADERS,
    MAX_DRAW,
    MAX_TEXT,
    Query,
    address_of,
    hex_of,
    malformed,
    model_of,
    read_text_of,
    refusal_content,
    stretches_of,
    wait_of,
)
from .step_lens import describe_step

log = logging.getLogger("char-lstm")

PATH = "/trace"
MAX_TRACES = 64  # that are kept; a text whose trace was removed is read again
COLUMNS = 256  # characters of a layer's picture in one answer, at most
TOP = 8  # most likely characters that are sent by name
MAX_LOGITS = 4096  # that are sent: in a larger vocabulary the others have no weight
_AT_ONCE = 2  # requests that are worked on
_SLICE = 64  # characters that are read on the way to a position before another request gets its turn
_WHILE_WRITING_S = 0.004  # of work per answer while the model writes, so that the replies stay smooth
_AT_REST_S = 0.02
_AT_LEAST = 4  # characters between two checks of the time

Answer = dict[str, object]


@dataclass(eq=False)
class _Text:
    """A text of a page, and how the model reads it.

    Attributes:
        text: the whole text.
        key: what the trace depends on beside the text.
        lock: a page asks one question at a time.
    """

    text: str = ""
    served: LoadedModel | None = None
    key: tuple[LoadedModel, bool, float | None] | None = None
    trace: TextTrace | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True)
class _Change:
    """What a request says of its text."""

    served: LoadedModel
    at: int
    tail: str
    length: int
    share: float | None
    query: Query


class Traces:
    """Answers the lenses of all pages.

    Args:
        registry: the models that are served.
        limiter: counts what each address uses.
    """

    def __init__(self, registry: ModelRegistry, limiter: Limiter) -> None:
        self._registry = registry
        self._limiter = limiter
        self.workers = Workers(limiter, at_once=_AT_ONCE)
        self._server = secrets.token_hex(8)
        self._texts: OrderedDict[str, _Text] = OrderedDict()
        registry.on_unload.append(self._forget)

    @property
    def route(self) -> APIRoute:
        """The route, for FastAPI."""
        return APIRoute(PATH, self.respond, methods=["POST"], response_model=None, include_in_schema=False)

    async def respond(self, request: Request) -> JSONResponse:
        """Answers one request."""
        answer: Mapping[str, object]
        status, headers = 200, HEADERS
        try:
            self._limiter.ask(address_of(request))
            query = await read_json(request)
            answer = await while_connected(request, self._answer(query, address_of(request)))
        except ClientDisconnect:
            answer = {}
        except RefusalError as refusal:
            answer = refusal_content(refusal)
            if wait := wait_of(refusal):
                status, headers = wait.status, {**HEADERS, **wait.headers}
        except Exception:
            log.exception("a request of a lens failed")
            answer = {"refusal": Message("fault.again").as_json()}
        return JSONResponse({"server": self._server, **answer}, status, headers)

    async def _answer(self, query: Query, address: str) -> Answer:
        id_, change = hex_of(query, "trace"), self._change(query)
        name = "at" if "at" in query else "from"
        position = read_position(query, name)
        if change.at and (query.get("server") != self._server or id_ not in self._texts):
            return {"unknown": True}
        async with self.workers.work(address):
            return await self._worked(id_, change, position, address)

    async def _worked(self, id_: str, change: _Change, position: int, address: str) -> Answer:
        text = self._texts.setdefault(id_, _Text())
        self._texts.move_to_end(id_)
        while len(self._texts) > MAX_TRACES:
            self._texts.popitem(last=False)
        async with text.lock:
            return await self._in_slices(text, change, position, address)

    async def _in_slices(self, text: _Text, change: _Change, position: int, address: str) -> Answer:
        """The answer; other requests get their turn while a long text is read up to the position."""
        trace = await self.workers.run(address, _set_text, text, change)
        if trace is None:
            return {"unknown": True}
        if "at" in change.query and position >= len(trace):
            raise RefusalError("refusal.no_character")
        while True:
            if await self.workers.run(address, trace.approach, min(position, len(trace)), _SLICE):
                return await self.workers.run(address, _answer, trace, change)

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

    def _forget(self, unloaded: LoadedModel) -> None:
        """Removes the traces that hold the weights of a model that is unloaded."""
        for name, text in list(self._texts.items()):
            if text.served is unloaded or (text.served and unloaded in text.served.parts):
                self._texts.pop(name, None)


def answer_from(trace: TextTrace, query: Query, seconds: float) -> Answer:
    """What a lens shows of the characters from a position on, as many as can be read in some time."""
    start = read_position(query, "from")
    end = time.perf_counter() + seconds
    bits: list[float | None] = []
    cells: list[Floats] = []
    for token in trace.tokens(start):
        bits.append(_bits(token))
        cells.append(token.cells)
        if len(bits) % _AT_LEAST == 0 and time.perf_counter() > end:
            break
        if "layer" in query and len(bits) == COLUMNS:  # the next answer continues the picture
            break
    answer: Answer = {"bits": bits, "more": start + len(bits) < len(trace)}
    if "cell" in query:
        layer, index = read_cell(query)
        has_cell = layer < trace.lm.config.num_layers and index < trace.lm.config.hidden_size
        answer["values"] = [round(127 * math.tanh(each[layer, index])) if has_cell else None for each in cells]
    if "layer" in query:
        layer = min(read_position(query, "layer"), trace.lm.config.num_layers - 1)
        columns = np.array([each[layer] for each in cells], np.float32)
        answer["columns"] = base64.b64encode(np.rint(127 * np.tanh(columns)).astype(np.int8).tobytes()).decode()
    return answer


def answer_at(trace: TextTrace, query: Query) -> Answer:
    """What a lens shows of one character.

    Raises:
        RefusalError: the text has no such character.
    """
    at = read_position(query, "at")
    if at >= len(trace):
        raise RefusalError("refusal.no_character")
    step = trace.step(at)
    answer = _expected(step.token, trace.lm.tokenizer.vocab)
    if "cell" in query:
        layer, index = read_cell(query)
        if layer < len(step.c_before) and index < step.c_before.shape[1]:
            answer["gates"] = [round(float(gate), 3) for gate in step.gates[layer, :, index]]
            answer["held"] = any(clamp[:2] == (layer, index) for clamp in step.clamps)
            answer["cell"] = [round(float(c[layer, index]), 3) for c in (step.c_before, step.token.cells)]
    return answer


def read_position(query: Query, name: str) -> int:
    """A position in a request.

    Raises:
        RefusalError: it is none.
    """
    value = query.get(name)
    if type(value) is not int or value < 0:
        raise malformed(f"{name} must be a whole number of at least 0")
    return value


def read_cell(query: Query) -> tuple[int, int]:
    """The layer and the number of the cell in a request.

    Raises:
        RefusalError: it is none.
    """
    cell = query["cell"]
    if not isinstance(cell, list) or len(cell) != 2 or any(type(each) is not int or each < 0 for each in cell):
        raise malformed("cell must be a layer and a number, each at least 0")
    return cell[0], cell[1]


def _set_text(text: _Text, change: _Change) -> TextTrace | None:
    """The trace of the whole text; None if its beginning is not there."""
    if change.at > len(text.text):
        return None
    whole = text.text[: change.at] + change.tail
    read = read_text_of(change.query, change.served, whole)
    # Not those of the ReadText, which leaves out what acts on the last character.
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
    if "at" not in query:
        return answer_from(trace, query, _AT_REST_S if change.served.engine.idle else _WHILE_WRITING_S)
    answer = answer_at(trace, query)
    if query.get("step") is not None:
        answer["step"] = _step(trace, query)
    return answer


def _step(trace: TextTrace, query: Query) -> Mapping[str, object]:
    about = query["step"]
    settings = about.get("settings") if isinstance(about, dict) else None
    if not isinstance(about, dict) or not (settings is None or isinstance(settings, dict)):
        raise malformed("step must be an object with settings, draw and picked")
    params: SamplingParams | None = None
    if settings is not None:
        params = check_params({name: value for name, value in settings.items() if name in SETTINGS})
    draw, picked = about.get("draw"), about.get("picked", False)
    if not (draw is None or (type(draw) is int and 0 <= draw < MAX_DRAW)) or not isinstance(picked, bool):
        raise malformed("draw must be the index of a random number, and picked true or false")
    cell = read_cell(query)[1] if "cell" in query else 0
    return describe_step(trace, read_position(query, "at"), cell, params=params, draw=draw, picked=picked)


def _bits(token: TokenTrace) -> float | None:
    """The bits to a thousandth; None without a prediction, -1 for a character that the model does not know."""
    if token.id == UNKNOWN:
        return -1
    return None if math.isnan(token.bits) else round(token.bits, 3)


def _expected(token: TokenTrace, vocab: tuple[str, ...]) -> Answer:
    """The predicted characters, the most likely first; of equal logits the lower id first, as in sampling."""
    if token.logits is None:
        return {"top": [], "rest": []}
    order = np.argsort(-token.logits, kind="stable")[:MAX_LOGITS]
    logits = [round(float(logit), 4) for logit in token.logits[order]]
    top = [[vocab[at], logit] for at, logit in zip(order[:TOP].tolist(), logits[:TOP], strict=True)]
    return {"top": top, "rest": logits[TOP:]}
