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
        character was computed, see below. "settings" are those of the reply, null if the model did not
        write the character; "draw" is the index of its random number, null if it was not drawn.
    "why": 33      how much each of the 64 characters before it mattered: {"surprisal": 2.1, "start": 0,
        "changes": [0.3, …], "more": false}. "changes" says for each character from "start" on how many bits more the
        character at 33 costs without it, null where it would have no prediction. "more" is always false here; the
        worker of the static page sends true while it has not finished.

Every answer has "server". If the server does not have the beginning of the text, the answer is {"unknown": true, …}. A
refused request gets {"refusal": MESSAGE, …}, with "gone" if another commit of the model is served; the status is 200,
unless the request may be repeated later.

The step lens shows how one character was computed, with the numbers of every stage. The model read the character before
it and computed the logits, from which a random number of the seed drew the character. All numbers are in the precision
that generated the text. Whole layers are sent as bytes, for colours; one cell per layer is sent as numbers.

    read        the character that was read, and "id"
    row         its row of the embedding, in base64, one byte each, 127 for the largest magnitude
    layers      for each: "bytes", eight rows of at most ``MAX_STEP_CELLS`` cells: h and tanh(c) before, i, f, g, o,
                tanh(c), h after; "cell", the same for one cell, with c itself; "held", whether that cell was clamped
    likely      [[character, share], …] with the settings of the draw, the most likely first
    strip       [[character, from, to], …] in the order of ids: those wide enough to see, and the drawn one
    temperature, filters   the settings of the draw; filters is [[label, value], …]
    draw        seed, index of the random number, its value in [0, 1); null if the character was not drawn
    picked      whether a visitor chose the character
    sizes       V, E, H
"""

from __future__ import annotations

import asyncio
import base64
import math
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from fastapi import Request
from fastapi.responses import JSONResponse

from model import Blend, Occlusion, SamplingParams, StepTrace, TextTrace, TokenTrace
from model.attribution import WINDOW, occlusion_in_slices
from model.backends.backend import Floats
from model.int8.sampling import Randomness, weights
from model.settings import SETTINGS
from model.trace import UNKNOWN

from ..access.addresses import group_of
from ..access.answers import HEADERS, refusal_content
from ..access.workers import Workers
from ..conversation import FairCache, ReadText
from ..messages import RefusalError
from ..registry.loaded_model import LoadedModel
from ..settings import (
    MAX_COLUMNS,
    MAX_LENGTH,
    MAX_LOGITS,
    MAX_STEP_CELLS,
    MAX_TEXT,
    TOP,
    Fields,
    check_params,
    check_whole,
    refused,
)
from .requests import MAX_DRAW, Services, address_of, route, stretches_of, while_connected

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
        id_, served = fields.hex("trace"), await self._services.model(fields, address)
        text = self._texts.get(id_)
        _check_length(fields)
        if fields.object("tail").whole("at") and (fields.values.get("server") != self._server or text is None):
            return {"unknown": True}
        async with self.workers.work(address):
            if text is None:
                text = self._texts.get(id_) or _Text()
                self._texts.put(id_, text, group_of(address))
            async with text.lock:
                return await self._in_slices(text, served, fields, address)

    async def _in_slices(self, text: _Text, served: LoadedModel, fields: Fields, address: str) -> Answer:
        """Returns the answer; other requests are served between two slices while a long text is read."""
        trace = await self.workers.run(address, _set_text, text, served, fields)
        if trace is None:
            return {"unknown": True}
        kind = next((name for name in ("why", "at") if name in fields), "from")
        position, is_why = fields.whole(kind), kind == "why"
        if kind != "from" and position >= len(trace):
            raise RefusalError("refusal.no_character")
        read_to = max(0, position - WINDOW) if is_why else min(position, len(trace))
        while not await self.workers.run(address, trace.approach, read_to, _SLICE):
            pass
        if kind == "at":
            return await self.workers.run(address, answer_at, trace, fields)
        if kind == "from":
            seconds = _AT_REST_S if served.engine.idle else _WHILE_WRITING_S
            return await self.workers.run(address, answer_from, trace, fields, seconds)
        return answer_why(await self.why_workers.run_slices(address, occlusion_in_slices(trace, position)))

    def _remove_traces(self, unloaded: LoadedModel) -> None:
        """Removes the traces that refer to the weights of an unloaded model."""
        for id_, text in self._texts:
            if text.key and unloaded in (text.key[0], *text.key[0].parts):
                self._texts.remove(id_)


def _check_length(fields: Fields) -> None:
    """Refuses a text that is too long, or has another length than its changed end says."""
    changed = fields.object("tail")
    length = changed.whole("at") + len(changed.text("text", most=_LONGEST))
    if length > _LONGEST:
        raise RefusalError("refusal.characters", field="text", length=length, most=_LONGEST)
    if fields.whole("length") != length:
        raise refused("length", fields.values["length"], "that of the whole text")


def _set_text(text: _Text, served: LoadedModel, fields: Fields) -> TextTrace | None:
    """Returns the trace of the whole text; None if the server does not have the text's beginning."""
    changed = fields.object("tail")
    if (at := changed.whole("at")) > len(text.text):
        return None
    whole = text.text[:at] + changed.text("text", most=_LONGEST)
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


_THIN = 0.004  # of the strip: narrower shares are left out
_AT_LEAST = 4  # characters between two checks of the time

Answer = dict[str, object]


def answer_from(trace: TextTrace, fields: Fields, seconds: float) -> Answer:
    """Returns what a lens shows of the characters from a position on, as many as can be read in ``seconds``."""
    config, start, end = trace.lm.config, fields.whole("from"), time.perf_counter() + seconds
    bits: list[float | None] = []
    cells: list[Floats] = []
    for token in trace.tokens(start):
        bits.append(_bits(token))
        cells.append(token.cells)
        if len(bits) % _AT_LEAST == 0 and time.perf_counter() > end:
            break
        if "layer" in fields and len(bits) == MAX_COLUMNS:  # the next answer continues the picture
            break
    answer: Answer = {"bits": bits, "more": start + len(bits) < len(trace)}
    if "cell" in fields:
        layer, index = read_cell(fields)
        has_cell = layer < config.num_layers and index < config.hidden_size
        answer["values"] = [round(127 * math.tanh(each[layer, index])) if has_cell else None for each in cells]
    if "layer" in fields:
        layer = min(fields.whole("layer"), config.num_layers - 1)
        columns = np.array([each[layer] for each in cells], np.float32)
        answer["columns"] = as_bytes(np.tanh(columns))
    return answer


def answer_at(trace: TextTrace, fields: Fields) -> Answer:
    """Returns what a lens shows of one character."""
    at = fields.whole("at")
    step, vocab = trace.step(at), trace.lm.tokenizer.vocab
    answer = _expected(step.token.logits, vocab)
    if "cell" in fields:
        layer, index = read_cell(fields)
        if layer < len(step.c_before) and index < step.c_before.shape[1]:
            answer["gates"] = [round(float(gate), 3) for gate in step.gates[layer, :, index]]
            answer["held"] = any(clamp[:2] == (layer, index) for clamp in step.clamps)
            answer["cell"] = [round(float(c[layer, index]), 3) for c in (step.c_before, step.token.cells)]
    if "step" in fields:
        answer["step"] = _step(trace, fields)
    return answer


def answer_why(found: Occlusion) -> Answer:
    """Returns how much each earlier character mattered for one, as `trace` describes it."""
    bits, *changes = [None if math.isnan(each) else round(each, 6) for each in (found.bits, *found.changes.tolist())]
    return {"surprisal": bits, "start": found.start, "changes": changes, "more": False}


def read_cell(fields: Fields) -> tuple[int, int]:
    """Returns the layer and the index of the cell in a request.

    Raises:
        RefusalError: "cell" is not a list of two whole numbers of at least 0.
    """
    cell = fields.list("cell", 2)
    if len(cell) != 2:
        raise refused("cell", cell, "a layer and a number")
    return check_whole("cell", cell[0]), check_whole("cell", cell[1])


def _step(trace: TextTrace, fields: Fields) -> Mapping[str, object]:
    step, params = fields.object("step"), None
    if "settings" in step:
        settings = step.object("settings").values
        params = check_params({name: value for name, value in settings.items() if name in SETTINGS})
    draw = step.whole("draw", 0, MAX_DRAW) if "draw" in step else None
    cell = read_cell(fields)[1] if "cell" in fields else 0
    return describe_step(trace, fields.whole("at"), cell, params=params, draw=draw, picked=step.flag("picked"))


def _bits(token: TokenTrace) -> float | None:
    """Returns the bits with three decimals; None without a prediction, -1 for a character that the model lacks."""
    if token.id == UNKNOWN:
        return -1
    return None if math.isnan(token.bits) else round(token.bits, 3)


def _expected(expected: Floats | None, vocab: tuple[str, ...]) -> Answer:
    """Returns the predicted characters and logits, the most likely first; of equal logits the lower id first."""
    if expected is None:
        return {"top": [], "rest": []}
    order = np.argsort(-expected, kind="stable")[:MAX_LOGITS]
    logits = [round(float(logit), 4) for logit in expected[order]]
    top = [[vocab[at], logit] for at, logit in zip(order[:TOP].tolist(), logits[:TOP], strict=True)]
    return {"top": top, "rest": logits[TOP:]}


def describe_step(
    reading: TextTrace,
    at: int,
    cell: int,
    *,
    params: SamplingParams | None = None,
    draw: int | None = None,
    picked: bool = False,
) -> dict[str, Any]:
    """Returns how the character at a position was computed; {} if no character was read before it.

    Args:
        reading: the trace of the text.
        at: the position.
        cell: the cell whose numbers are sent for each layer.
        params: the settings of the reply with the character; None if the model did not write it.
        draw: the index of its random number; None if it was not drawn.
        picked: whether a visitor chose it.
    """
    before = np.flatnonzero(reading.ids[:at] != UNKNOWN)
    try:
        step = reading.step(int(before[-1]) if len(before) else -1)
    except IndexError:
        return {}
    lm, *others = reading.lm.models
    if others:
        return {"mixed": True}
    vocab, config = lm.tokenizer.vocab, lm.config
    params = params or SamplingParams(temperature=1.0)
    used = {name: getattr(params, name) for name, setting in SETTINGS.items() if setting.filters}
    row = lm.network.embedding.weight[step.token.id].detach().float().cpu().numpy()
    value = None if draw is None else _rounded(Randomness(params.seed).number(draw) / 2**64)
    return {
        "read": vocab[step.token.id],
        "id": step.token.id,
        "row": as_bytes(row / (float(np.abs(row).max()) or 1)),
        "layers": [_layer(step, layer, min(cell, config.hidden_size - 1)) for layer in range(config.num_layers)],
        **_shares(step.logits_after, params, vocab, int(reading.ids[at])),
        "temperature": params.temperature,
        "filters": [(SETTINGS[name].label, value) for name, value in used.items() if value != SETTINGS[name].default],
        "draw": None if draw is None else {"seed": params.seed, "number": draw, "value": value},
        "picked": picked,
        "sizes": {"V": config.vocab_size, "E": config.embedding_size, "H": config.hidden_size},
    }


def _layer(step: StepTrace, layer: int, cell: int) -> dict[str, Any]:
    h, c, after, shown = step.h_before[layer], step.c_before[layer], step.token.cells[layer], step.h[layer]
    rows = [h, np.tanh(c), *step.gates[layer], np.tanh(after), shown]
    numbers = [h, c, *step.gates[layer], after, shown]
    return {
        "bytes": as_bytes(np.stack(rows)[:, :MAX_STEP_CELLS]),
        "cell": [round(float(each[cell]), 3) for each in numbers],
        "held": any(hold[:2] == (layer, cell) for hold in step.clamps),
    }


def _shares(expects: Floats | None, params: SamplingParams, vocab: tuple[str, ...], came: int) -> dict[str, Any]:
    if expects is None:
        return {"likely": [], "strip": []}
    weight = weights(expects, params)
    if params.temperature == 0:
        weight = np.where(np.arange(len(weight)) == expects.argmax(), 1, 0)
    ends = np.cumsum(weight) / weight.sum()
    shares = weight / weight.sum()
    order = np.argsort(-shares, kind="stable")[:TOP]
    likely = [[vocab[id_], share] for id_ in order if (share := _rounded(shares[id_]))]
    wide = np.flatnonzero((shares >= _THIN) | ((np.arange(len(shares)) == came) & (shares > 0)))
    strip = [[vocab[id_], _rounded(ends[id_] - shares[id_]), _rounded(ends[id_])] for id_ in wide]
    return {"likely": likely, "strip": strip}


def _rounded(share: float) -> float:
    return round(float(share), 5)


def as_bytes(values: npt.NDArray[Any]) -> str:
    """Returns values from -1 to 1 as one byte each, in base64."""
    return base64.b64encode(np.rint(127 * np.clip(values, -1, 1)).astype(np.int8).tobytes()).decode()
