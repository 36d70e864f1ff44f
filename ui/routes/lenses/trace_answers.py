"""The answers to the lenses' questions in `trace`, from a trace of the text.

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

import base64
import math
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from model import Occlusion, SamplingParams, StepTrace, TextTrace, TokenTrace
from model.backends.backend import Floats
from model.int8.sampling import Randomness, weights
from model.settings import SETTINGS
from model.trace import UNKNOWN

from ...settings import MAX_COLUMNS, MAX_LOGITS, MAX_STEP_CELLS, TOP, Fields, check_params, check_whole, refused
from ..requests import MAX_DRAW

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
