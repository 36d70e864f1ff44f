"""A route for the lenses of the page, which show how a model reads a text.

The model reads a text again, in the precision that generated it, a few characters per request. Requests are JSON,
posted one at a time by ``lens.js`` with the key of their conversation; a lens that is off sends none.

    {"key": K, "turn": 7, "from": 120}     the characters from position 120 on that can be read in some milliseconds:
        {"bits": [2.1, null, -1, …], "more": true}; null where there is no prediction, -1 for a character that the
        model does not know. From position 0 also "given": the text that the model read first. Turn 0 is the visitor's
        own text.
        With "cell": [layer, index] also "values": 127 tanh(c) of this cell after each character, null if the model has
        no such cell. With "layer": n also "columns": the same for all cells of the layer, one byte each, in base64, for
        at most 256 characters.
    {"key": K, "turn": 7, "at": 33}        one character:
        {"top": [["e", -0.2], …], "rest": [-4.1, …]}, the most likely characters with their logits, then other logits.
        With "cell" also "gates": [i, f, g, o] of this cell, "cell": [c before, c after], and "held": whether it was
        clamped. With "step" also "step": how the character was computed, see ``step_lens``.
    {"key": K, "turn": 7, "without": true}  the reply without clamps, see ``counterfactual``
    {"key": K, "about": NAME}              a model: {"layers": 2, "hidden": 512, "cells": […]}, its named cells
    {"key": K, "text": "…", "model": NAME} the visitor's own text has changed:
        {"same": 12}, the number of characters at its start that did not change

A request that is refused gets {"refusal": MESSAGE}; one with an unknown key gets {"unknown": true}.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import math
import time
import weakref
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from fastapi import Request
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from model import LanguageModel, TextTrace, TokenTrace
from model.backends.backend import Floats
from model.tokenizer import CharTokenizer
from model.trace import UNKNOWN

from ..conversation.conversation import Conversation
from ..conversation.counterfactual import without
from ..conversation.turn import Turn
from ..json_body import read_json
from ..messages import Message, RefusalError
from ..registry.loaded_model import LoadedModel
from ..registry.registry import ModelRegistry
from ..settings import check_text
from .step_lens import describe_step

log = logging.getLogger("char-lstm")

PATH = "/lens"
MAX_BYTES = 256 << 10  # a text of 20,000 characters, each written as an escape
MAX_TRACES = 64  # that are kept; a text whose trace was removed is read again
COLUMNS = 256  # characters of a layer's picture in one response, at most
TOP = 8  # most likely characters that are sent by name
MAX_LOGITS = 4096  # that are sent: in a larger vocabulary the others have no weight
_WHILE_WRITING_S = 0.0015  # of work per request while the turn is being written, so that the stream stays smooth
_AT_REST_S = 0.02
_AT_LEAST = 4  # characters between two checks of the time
_AT_ONCE = 2  # requests that are worked on
_REPLIES_AT_ONCE = 4  # replies without clamps that are generated
_KEY = range(16, 65)  # characters
_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


class Lenses:
    """Answers the lenses of all pages.

    Args:
        registry: the models that are served.
    """

    def __init__(self, registry: ModelRegistry) -> None:
        self._registry = registry
        self._conversations: weakref.WeakValueDictionary[str, Conversation] = weakref.WeakValueDictionary()
        self._traces: OrderedDict[tuple[str, int], TextTrace] = OrderedDict()
        self._turns = asyncio.Semaphore(_AT_ONCE)
        registry.on_unload.append(self._forget)
        self._replies = asyncio.Semaphore(_REPLIES_AT_ONCE)

    @property
    def route(self) -> APIRoute:
        """The route, for FastAPI."""
        return APIRoute(PATH, self.respond, methods=["POST"], response_model=None, include_in_schema=False)

    def open(self, key: object, conversation: Conversation) -> None:
        """Gives access to a conversation by a key, which its page has drawn at random."""
        if isinstance(key, str) and len(key) in _KEY:
            self._conversations[key] = conversation

    async def respond(self, request: Request) -> JSONResponse:
        """Answers one request."""
        try:
            answer = await self._answer(
                await read_json(request, MAX_BYTES, RefusalError("refusal.too_long", field="text"))
            )
        except RefusalError as refusal:
            answer = {"refusal": refusal.message.as_json()}
        except Exception:
            log.exception("a request of a lens failed")
            answer = {"refusal": Message("fault.again").as_json()}
        return JSONResponse(answer, headers=_HEADERS)

    async def _answer(self, query: Mapping[str, Any]) -> dict[str, Any]:
        key = query.get("key")
        conversation = self._conversations.get(key) if isinstance(key, str) else None
        if conversation is None or not isinstance(key, str):
            return {"unknown": True}
        if "without" in query:
            async with self._replies:
                return await without(_turn(conversation, query), key)
        async with self._turns:
            if "text" in query:
                return await asyncio.to_thread(self._set_own_text, key, query)
            if "about" in query:
                return _about(self._registry.get(query["about"]).lm)
            turn = None if query.get("turn") == 0 else _turn(conversation, query)
            trace = self._trace_of(key, turn)
            answer = self._inspect if "at" in query else self._read
            return await asyncio.to_thread(answer, trace, turn, query)

    def _set_own_text(self, key: str, query: Mapping[str, Any]) -> dict[str, Any]:
        text = check_text("text", query["text"])
        served = self._registry.get(query.get("model"))
        trace = self._traces.get((key, 0))
        if trace is None or trace.lm is not served.lm:
            trace = TextTrace(served.lm, precision=served.engine.precision)
        self._keep((key, 0), trace)
        return {"same": trace.set_text(text)}

    def _trace_of(self, key: str, turn: Turn | None) -> TextTrace:
        name = (key, turn.number if turn else 0)
        trace = self._traces.get(name)
        if trace is None:
            if turn is None:
                raise RefusalError("refusal.text_forgotten")
            if turn.served.unloaded:
                raise RefusalError("refusal.commit_gone", commit=turn.served.commit[:7])
            trace = turn.reading()
        self._keep(name, trace)
        return trace

    def _keep(self, name: tuple[str, int], trace: TextTrace) -> None:
        self._traces[name] = trace
        self._traces.move_to_end(name)
        while len(self._traces) > MAX_TRACES:
            self._traces.popitem(last=False)

    def _forget(self, unloaded: LoadedModel) -> None:
        """Removes the traces that hold the weights of a model that is unloaded."""
        for name, trace in list(self._traces.items()):
            if trace.lm.commit == unloaded.lm.commit and trace.lm.name == unloaded.lm.name:
                self._traces.pop(name, None)

    def _read(self, trace: TextTrace, turn: Turn | None, query: Mapping[str, Any]) -> dict[str, Any]:
        start = _position(query, "from")
        end = time.perf_counter() + (_WHILE_WRITING_S if turn and not turn.parts[-1].finished else _AT_REST_S)
        if turn:
            trace.set_text(turn.text, turn.clamps)
        bits: list[float | None] = []
        cells: list[Floats] = []
        for token in trace.tokens(start):
            bits.append(_bits(token))
            cells.append(token.cells)
            if len(bits) % _AT_LEAST == 0 and time.perf_counter() > end:
                break
            if "layer" in query and len(bits) == COLUMNS:  # the next response continues the picture
                break
        result: dict[str, Any] = {"given": turn.to_read} if turn and start == 0 else {}
        if "cell" in query:
            layer, index = _cell(query)
            there = layer < trace.lm.config.num_layers and index < trace.lm.config.hidden_size
            result["values"] = [_byte(each[layer, index]) if there else None for each in cells]
        if "layer" in query:
            layer = min(_position(query, "layer"), trace.lm.config.num_layers - 1)
            columns = np.array([each[layer] for each in cells], np.float32)
            result["columns"] = base64.b64encode(np.rint(127 * np.tanh(columns)).astype(np.int8).tobytes()).decode()
        return {**result, "bits": bits, "more": start + len(bits) < len(trace)}

    def _inspect(self, trace: TextTrace, turn: Turn | None, query: Mapping[str, Any]) -> dict[str, Any]:
        if turn:
            trace.set_text(turn.text, turn.clamps)
        at = _position(query, "at")
        if at >= len(trace):
            raise RefusalError("refusal.no_character")
        step = trace.step(at)
        result = _expected(step.token, trace.lm.tokenizer)
        if "step" in query:
            result["step"] = describe_step(turn, trace, at, _cell(query)[1] if "cell" in query else 0)
        if "cell" in query:
            layer, index = _cell(query)
            if layer < len(step.c_before) and index < step.c_before.shape[1]:
                result["gates"] = [round(float(gate), 3) for gate in step.gates[layer, :, index]]
                result["held"] = any(hold[:2] == (layer, index) for hold in step.clamps)
                result["cell"] = [round(float(c[layer, index]), 3) for c in (step.c_before, step.token.cells)]
        return result


def _turn(conversation: Conversation, query: Mapping[str, Any]) -> Turn:
    number = query.get("turn")
    turn = next((turn for turn in conversation.turns if turn.number == number), None)
    if turn is None:
        raise RefusalError("refusal.turn_gone")
    return turn


def _position(query: Mapping[str, Any], name: str) -> int:
    value = query.get(name)
    if type(value) is not int or value < 0:
        raise RefusalError("refusal.malformed", reason=f"{name} must be a whole number of at least 0")
    return value


def _cell(query: Mapping[str, Any]) -> tuple[int, int]:
    cell = query["cell"]
    if not isinstance(cell, list) or len(cell) != 2 or any(type(each) is not int or each < 0 for each in cell):
        raise RefusalError("refusal.malformed", reason="cell must be a layer and a number, each at least 0")
    return cell[0], cell[1]


def _byte(c: float) -> int:
    return round(127 * math.tanh(c))


def _about(lm: LanguageModel) -> dict[str, Any]:
    cells = [{**asdict(cell), "remembers": cell.remembers} for cell in lm.cells]
    return {"layers": lm.config.num_layers, "hidden": lm.config.hidden_size, "cells": cells}


def _bits(token: TokenTrace) -> float | None:
    """The bits to a thousandth; None without a prediction, -1 for a character that the model does not know."""
    if token.id == UNKNOWN:
        return -1
    return None if math.isnan(token.bits) else round(token.bits, 3)


def _expected(token: TokenTrace, tokenizer: CharTokenizer) -> dict[str, Any]:
    """The predicted characters, the most likely first; of equal logits the lower id first, as in sampling."""
    if token.logits is None:
        return {"top": [], "rest": []}
    order = np.argsort(-token.logits, kind="stable")[:MAX_LOGITS]
    logits = [round(float(logit), 4) for logit in token.logits[order]]
    top = [[tokenizer.vocab[at], logit] for at, logit in zip(order[:TOP].tolist(), logits[:TOP], strict=True)]
    return {"top": top, "rest": logits[TOP:]}
