"""What the page's lenses ask for: a route of the app's own, beside Gradio, as that of the streams.

A lens shows a text that is there already, so nothing is written again: the model reads it again, in the arithmetic
that wrote it, a few characters at each question. Questions are JSON, posted by ``lens.js`` with the key of its
conversation, one at a time; a lens that is off asks nothing and costs nothing.

    {"key": K, "turn": 7, "from": 120}     the characters from there on, as many as can be read in some milliseconds:
        {"bits": [2.1, null, -1, …], "more": true}, null where nothing was expected, -1 where the model does not know
        it; and from 0 on "given": what the model was given to read. Turn 0 is the visitor's own text.
        With "cell": [layer, index] also "values": 127 tanh(c) of this cell after each of them, null where the model has
        none such; with "layer": n also "columns", the same of all cells of the layer, a byte each, in base64, for 256
        characters at most.
    {"key": K, "turn": 7, "at": 33}        one character closely:
        {"top": [["e", -0.2], …], "rest": [-4.1, …]}, the likeliest with their logits and the logits of the others
        With "cell" also "gates": [i, f, g, o] of this cell as it was read, "cell": [c before, c after], and "held":
        whether it was held.
        With "step" also "step": how it came to be, see ``steps``
    {"key": K, "turn": 7, "without": true}  what it would have been with no cell held, see ``without``
    {"key": K, "about": NAME}              a model: {"layers": 2, "hidden": 512, "cells": […]}, those with names
    {"key": K, "text": "…", "model": NAME} the visitor's own text has changed:
        {"same": 12}, so many characters at its beginning stand as they did

Anything that cannot be done is {"refusal": "…"}; a key that is not known is {"unknown": true}.
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
from ..json_body import question
from ..messages import Message, RefusalError
from ..registry.loaded_model import LoadedModel
from ..registry.registry import ModelRegistry
from ..settings import check_text
from . import step_lens as steps

log = logging.getLogger("char-lstm")

PATH = "/lens"
MOST_BYTES = 256 << 10  # a text of 20,000 characters, each written as an escape
READINGS = 64  # kept; a text whose reading was forgotten is read anew
COLUMNS = 256  # of the picture of a layer, in one answer at most
TOP = 8  # likeliest characters that are named
MOST_LOGITS = 4096  # of those that are sent: beyond, in a huge vocabulary, they weigh nothing
_WHILE_WRITING_S = 0.0015  # of work for a question while the turn is being written, so that all stays smooth
_AT_REST_S = 0.02
_AT_LEAST = 4  # characters, between two looks at the clock
_AT_ONCE = 2  # questions that are worked on
_REPLIES_AT_ONCE = 4  # that are written to be compared
_KEY = range(16, 65)  # characters
_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


class Lenses:
    """Answers the lenses of all pages.

    Args:
        shelf: the models that are served.
    """

    def __init__(self, registry: ModelRegistry) -> None:
        self._registry = registry
        self._talks: weakref.WeakValueDictionary[str, Conversation] = weakref.WeakValueDictionary()
        self._readings: OrderedDict[tuple[str, int], TextTrace] = OrderedDict()
        self._turns = asyncio.Semaphore(_AT_ONCE)
        registry.on_unload.append(self._forget)
        self._replies = asyncio.Semaphore(_REPLIES_AT_ONCE)

    @property
    def route(self) -> APIRoute:
        return APIRoute(PATH, self.respond, methods=["POST"], response_model=None, include_in_schema=False)

    def open(self, key: object, conversation: Conversation) -> None:
        """Lets whoever knows the key look at a conversation; the page that has it draws the key."""
        if isinstance(key, str) and len(key) in _KEY:
            self._talks[key] = conversation

    async def respond(self, request: Request) -> JSONResponse:
        try:
            answer = await self._answer(
                await question(request, MOST_BYTES, RefusalError("refusal.too_long", field="text"))
            )
        except RefusalError as refusal:
            answer = {"refusal": refusal.message.as_json()}
        except Exception:
            log.exception("a lens could not be answered")
            answer = {"refusal": Message("fault.again").as_json()}
        return JSONResponse(answer, headers=_HEADERS)

    async def _answer(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        key = asked.get("key")
        conversation = self._talks.get(key) if isinstance(key, str) else None
        if conversation is None or not isinstance(key, str):
            return {"unknown": True}
        if "without" in asked:
            async with self._replies:
                return await without(_turn(conversation, asked), key)
        async with self._turns:
            if "text" in asked:
                return await asyncio.to_thread(self._change, key, asked)
            if "about" in asked:
                return _about(self._registry.get(asked["about"]).lm)
            turn = None if asked.get("turn") == 0 else _turn(conversation, asked)
            reading = self._reading(key, turn)
            work = self._look if "at" in asked else self._read
            return await asyncio.to_thread(work, reading, turn, asked)

    def _change(self, key: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        text = check_text("text", asked["text"])
        served = self._registry.get(asked.get("model"))
        reading = self._readings.get((key, 0))
        if reading is None or reading.lm is not served.lm:
            reading = TextTrace(served.lm, precision=served.engine.precision)
        self._keep((key, 0), reading)
        return {"same": reading.set_text(text)}

    def _reading(self, key: str, turn: Turn | None) -> TextTrace:
        name = (key, turn.number if turn else 0)
        reading = self._readings.get(name)
        if reading is None:
            if turn is None:
                raise RefusalError("refusal.text_forgotten")
            if turn.served.unloaded:
                raise RefusalError("refusal.commit_gone", commit=turn.served.commit[:7])
            reading = turn.reading()
        self._keep(name, reading)
        return reading

    def _keep(self, name: tuple[str, int], reading: TextTrace) -> None:
        self._readings[name] = reading
        self._readings.move_to_end(name)
        while len(self._readings) > READINGS:
            self._readings.popitem(last=False)

    def _forget(self, gone: LoadedModel) -> None:
        """Lets go of what holds the weights of a model that is not served any more."""
        for name, reading in list(self._readings.items()):
            if reading.lm.commit == gone.lm.commit and reading.lm.name == gone.lm.name:
                self._readings.pop(name, None)

    def _read(self, reading: TextTrace, turn: Turn | None, asked: Mapping[str, Any]) -> dict[str, Any]:
        start = _position(asked, "from")
        end = time.perf_counter() + (_WHILE_WRITING_S if turn and not turn.parts[-1].finished else _AT_REST_S)
        if turn:
            reading.set_text(turn.text, turn.clamps)
        bits: list[float | None] = []
        cells: list[Floats] = []
        for seen in reading.tokens(start):
            bits.append(_bits(seen))
            cells.append(seen.cells)
            if len(bits) % _AT_LEAST == 0 and time.perf_counter() > end:
                break
            if "layer" in asked and len(bits) == COLUMNS:  # or a picture would lack those before
                break
        told: dict[str, Any] = {"given": turn.to_read} if turn and start == 0 else {}
        if "cell" in asked:
            layer, index = _cell(asked)
            there = layer < reading.lm.config.num_layers and index < reading.lm.config.hidden_size
            told["values"] = [_byte(each[layer, index]) if there else None for each in cells]
        if "layer" in asked:
            layer = min(_position(asked, "layer"), reading.lm.config.num_layers - 1)
            columns = np.array([each[layer] for each in cells], np.float32)
            told["columns"] = base64.b64encode(np.rint(127 * np.tanh(columns)).astype(np.int8).tobytes()).decode()
        return {**told, "bits": bits, "more": start + len(bits) < len(reading)}

    def _look(self, reading: TextTrace, turn: Turn | None, asked: Mapping[str, Any]) -> dict[str, Any]:
        if turn:
            reading.set_text(turn.text, turn.clamps)
        at = _position(asked, "at")
        if at >= len(reading):
            raise RefusalError("refusal.no_character")
        look = reading.step(at)
        told = _expected(look.token, reading.lm.tokenizer)
        if "step" in asked:
            told["step"] = steps.told(turn, reading, at, _cell(asked)[1] if "cell" in asked else 0)
        if "cell" in asked:
            layer, index = _cell(asked)
            if layer < len(look.c_before) and index < look.c_before.shape[1]:
                told["gates"] = [round(float(gate), 3) for gate in look.gates[layer, :, index]]
                told["held"] = any(hold[:2] == (layer, index) for hold in look.clamps)
                told["cell"] = [round(float(c[layer, index]), 3) for c in (look.c_before, look.token.cells)]
        return told


def _turn(conversation: Conversation, asked: Mapping[str, Any]) -> Turn:
    number = asked.get("turn")
    turn = next((turn for turn in conversation.turns if turn.number == number), None)
    if turn is None:
        raise RefusalError("refusal.turn_gone")
    return turn


def _position(asked: Mapping[str, Any], name: str) -> int:
    value = asked.get(name)
    if type(value) is not int or value < 0:
        raise RefusalError("refusal.malformed", reason=f"{name} must be a whole number of at least 0")
    return value


def _cell(asked: Mapping[str, Any]) -> tuple[int, int]:
    cell = asked["cell"]
    if not isinstance(cell, list) or len(cell) != 2 or any(type(each) is not int or each < 0 for each in cell):
        raise RefusalError("refusal.malformed", reason="cell must be a layer and a number, each at least 0")
    return cell[0], cell[1]


def _byte(c: float) -> int:
    return round(127 * math.tanh(c))


def _about(lm: LanguageModel) -> dict[str, Any]:
    cells = [{**asdict(cell), "remembers": cell.remembers} for cell in lm.cells]
    return {"layers": lm.config.num_layers, "hidden": lm.config.hidden_size, "cells": cells}


def _bits(seen: TokenTrace) -> float | None:
    """To a thousandth; None where nothing was expected, -1 for what the model does not know."""
    if seen.id == UNKNOWN:
        return -1
    return None if math.isnan(seen.bits) else round(seen.bits, 3)


def _expected(seen: TokenTrace, tokenizer: CharTokenizer) -> dict[str, Any]:
    """What could have stood there, the likeliest first; among equals the lower id, as when it is drawn."""
    if seen.logits is None:
        return {"top": [], "rest": []}
    order = np.argsort(-seen.logits, kind="stable")[:MOST_LOGITS]
    logits = [round(float(logit), 4) for logit in seen.logits[order]]
    top = [[tokenizer.vocab[at], logit] for at, logit in zip(order[:TOP].tolist(), logits[:TOP], strict=True)]
    return {"top": top, "rest": logits[TOP:]}
