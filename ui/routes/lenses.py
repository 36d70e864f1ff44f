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
import logging
import weakref
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from model import LanguageModel, Sequence, TextTrace

from ..conversation.conversation import Conversation
from ..conversation.counterfactual import without
from ..conversation.turn import Turn
from ..json_body import read_json
from ..messages import Message, RefusalError
from ..registry.loaded_model import LoadedModel
from ..registry.registry import ModelRegistry
from ..settings import check_text
from .step_lens import describe_step
from .trace import answer_at, answer_from, read_cell, read_position

log = logging.getLogger("char-lstm")

PATH = "/lens"
MAX_BYTES = 256 << 10  # a text of 20,000 characters, each written as an escape
MAX_TRACES = 64  # that are kept; a text whose trace was removed is read again
_WHILE_WRITING_S = 0.0015  # of work per request while the turn is being written, so that the stream stays smooth
_AT_REST_S = 0.02
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
        if turn:
            trace.set_text(turn.text, turn.clamps)
        given = {"given": turn.to_read} if turn and query.get("from") == 0 else {}
        seconds = _WHILE_WRITING_S if turn and not turn.parts[-1].finished else _AT_REST_S
        return {**given, **answer_from(trace, query, seconds)}

    def _inspect(self, trace: TextTrace, turn: Turn | None, query: Mapping[str, Any]) -> dict[str, Any]:
        if turn:
            trace.set_text(turn.text, turn.clamps)
        result = answer_at(trace, query)
        if "step" in query:
            cell = read_cell(query)[1] if "cell" in query else 0
            result["step"] = describe_turn_step(turn, trace, read_position(query, "at"), cell)
        return result


def describe_turn_step(turn: Turn | None, trace: TextTrace, at: int, cell: int) -> Mapping[str, Any]:
    """How the character at a position of a turn was computed, see ``step_lens``; None is the visitor's own text."""
    part, number, picked = _part(turn, at)
    draw = None if part is None or picked else number
    return describe_step(trace, at, cell, params=part.params if part else None, draw=draw, picked=picked)


def _part(turn: Turn | None, at: int) -> tuple[Sequence | None, int, bool]:
    """The part of a reply with the character, the index of its random number, and whether a visitor put it there."""
    position = at - len(turn.to_read) if turn else -1
    for part in turn.parts if turn and position >= 0 else []:
        if position < part.length:
            if part.finished and part.memory is None:  # another commit generated it
                break
            return part, part.draw_offset + position, part.picked and position == part.length - 1
        position -= part.length
    return None, 0, False


def _turn(conversation: Conversation, query: Mapping[str, Any]) -> Turn:
    number = query.get("turn")
    turn = next((turn for turn in conversation.turns if turn.number == number), None)
    if turn is None:
        raise RefusalError("refusal.turn_gone")
    return turn


def _about(lm: LanguageModel) -> dict[str, Any]:
    cells = [{**asdict(cell), "remembers": cell.remembers} for cell in lm.cells]
    return {"layers": lm.config.num_layers, "hidden": lm.config.hidden_size, "cells": cells}
