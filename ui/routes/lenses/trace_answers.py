"""The answers to the lenses' questions in `trace`, from a trace of the text."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

import numpy as np

from model import Occlusion, TextTrace, TokenTrace
from model.backends.backend import Floats
from model.settings import SETTINGS
from model.trace import UNKNOWN

from ...settings import MAX_COLUMNS, MAX_LOGITS, TOP, Fields, check_params, check_whole, refused
from ..requests import MAX_DRAW
from .step_lens import as_bytes, describe_step

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
