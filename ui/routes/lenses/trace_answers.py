"""The answers to the lenses' questions in `trace`, from a trace of the text."""

from __future__ import annotations

import base64
import math
import time
from collections.abc import Generator, Mapping

import numpy as np

from model import Occlusion, SamplingParams, TextTrace, TokenTrace
from model.backends.backend import Floats
from model.settings import SETTINGS
from model.trace import UNKNOWN

from ...messages import RefusalError
from ...settings import check_params
from ..requests import MAX_DRAW, Query, malformed
from .step_lens import describe_step

COLUMNS = 256  # characters of a layer's picture in one answer, at most
TOP = 8  # most likely characters that are sent by name
MAX_LOGITS = 4096  # that are sent: in a larger vocabulary the others have no weight
_AT_LEAST = 4  # characters between two checks of the time

Answer = dict[str, object]


def answer_from(trace: TextTrace, query: Query, seconds: float) -> Answer:
    """Returns what a lens shows of the characters from a position on, as many as can be read in ``seconds``."""
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
    """Returns what a lens shows of one character.

    Raises:
        RefusalError: the text has no such character.
    """
    at = read_position(query, "at")
    if at >= len(trace):
        raise RefusalError("refusal.no_character")
    step = trace.step(at)
    answer = _expected(step.token.logits, trace.lm.tokenizer.vocab)
    if "cell" in query:
        layer, index = read_cell(query)
        if layer < len(step.c_before) and index < step.c_before.shape[1]:
            answer["gates"] = [round(float(gate), 3) for gate in step.gates[layer, :, index]]
            answer["held"] = any(clamp[:2] == (layer, index) for clamp in step.clamps)
            answer["cell"] = [round(float(c[layer, index]), 3) for c in (step.c_before, step.token.cells)]
    if query.get("first_layer") is True:
        logits = trace.first_layer_logits(at)
        answer["first_layer"] = None if logits is None else _expected(logits, trace.lm.tokenizer.vocab)
    if query.get("step") is not None:
        answer["step"] = _step(trace, query)
    return answer


def occlusion_within(slices: Generator[None, None, Occlusion], seconds: float) -> Occlusion | None:
    """Runs `occlusion_in_slices` for some seconds. Returns its result; None if it has not ended."""
    end = time.perf_counter() + seconds
    try:
        next(slices)
        while time.perf_counter() < end:
            next(slices)
    except StopIteration as ended:
        result: Occlusion = ended.value
        return result
    return None


def answer_why(found: Occlusion) -> Answer:
    """Returns how much each earlier character mattered for one, as `trace` describes it."""
    bits, *changes = [None if math.isnan(each) else round(each, 6) for each in (found.bits, *found.changes.tolist())]
    return {"surprisal": bits, "start": found.start, "changes": changes, "more": False}


def read_position(query: Query, name: str) -> int:
    """Returns the position in a field of a request.

    Raises:
        RefusalError: the field is not a whole number of at least 0.
    """
    value = query.get(name)
    if type(value) is not int or value < 0:
        raise malformed(f"{name} must be a whole number of at least 0")
    return value


def read_cell(query: Query) -> tuple[int, int]:
    """Returns the layer and the index of the cell in a request.

    Raises:
        RefusalError: "cell" is not a list of two whole numbers of at least 0.
    """
    cell = query.get("cell")
    if not isinstance(cell, list) or len(cell) != 2 or any(type(each) is not int or each < 0 for each in cell):
        raise malformed("cell must be a layer and a number, each at least 0")
    return cell[0], cell[1]


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
