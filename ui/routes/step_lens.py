"""What the lens Step is told: how one character came to be, with all the numbers that there were on the way.

The character before it was read; its row of the embedding went up through the layers; what came out was a weight for
each character; a number of the seed's chose among them. The numbers are those of the arithmetic that wrote the text.
Whole layers are told as bytes, for their colours; of one cell a layer there are the numbers themselves.

    read        the character that was read, and "id"
    row         its row of the embedding, in base64, a byte each, 127 for the largest in size
    layers      of each: "bytes", eight rows of the cells that are shown (``SHOWN`` at most): h and tanh(c) before, i,
                f, g, o, tanh(c) and h after; "cell", the same of one cell, c as it is; "held", whether this cell was
    likely      [[character, share], …] with the settings that it was drawn with, the likeliest first
    strip       [[character, from, to], …] in the order of the ids: those wide enough to be seen, and the one that came
    draw        seed, number, value in [0, 1); null if it was not drawn but given, "picked" if by somebody on the page
    sizes       V, E, H
"""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import numpy.typing as npt

from model import SamplingParams, Sequence, StepTrace, TextTrace
from model.backends.backend import Floats
from model.int8.sampling import Randomness, weights
from model.settings import SETTINGS
from model.trace import UNKNOWN

from ..conversation.turn import Turn

SHOWN = 512  # cells of a layer, from the first on
LIKELY = 8
_THIN = 0.004  # of the strip


def told(turn: Turn | None, reading: TextTrace, at: int, cell: int) -> dict[str, Any]:
    """How the character at a position came to be; nothing if nothing was read before it.

    Args:
        turn: that the text belongs to; None is a text that nobody drew.
        reading: of its text.
        at: the position.
        cell: whose numbers are told in each layer.
    """
    before = np.flatnonzero(reading.ids[:at] != UNKNOWN)
    try:
        look = reading.step(int(before[-1]) if len(before) else -1)
    except IndexError:
        return {}
    lm, *others = reading.lm.models
    if others:
        return {"mixed": True}
    vocab, config = lm.tokenizer.vocab, lm.config
    part, number, picked = _part(turn, at)
    params = part.params if part else SamplingParams(temperature=1.0)
    drawn = part is not None and not picked
    return {
        "read": vocab[look.token.id],
        "id": look.token.id,
        "row": _bytes(_of_largest(lm.network.embedding.weight[look.token.id].detach().float().cpu().numpy())),
        "layers": [_layer(look, layer, min(cell, config.hidden_size - 1)) for layer in range(config.num_layers)],
        **_shares(look.logits_after, params, vocab, int(reading.ids[at])),
        "temperature": params.temperature,
        "filters": _filters(params),
        "draw": _draw(params.seed, number) if drawn else None,
        "picked": picked,
        "sizes": {"V": config.vocab_size, "E": config.embedding_size, "H": config.hidden_size},
    }


def _filters(params: SamplingParams) -> list[tuple[str, object]]:
    """The label and value of each setting that removed characters from the choice."""
    used = {name: getattr(params, name) for name, setting in SETTINGS.items() if setting.filters}
    return [(SETTINGS[name].label, value) for name, value in used.items() if value != SETTINGS[name].default]


def _part(turn: Turn | None, at: int) -> tuple[Sequence | None, int, bool]:
    """The piece of a reply that a character was written in, its number there since the seed was set, and whether
    somebody put it there instead."""
    position = at - len(turn.to_read) if turn else -1
    for part in turn.parts if turn and position >= 0 else []:
        if position < part.length:
            if part.finished and part.memory is None:  # another commit wrote it
                break
            return part, part.draw_offset + position, part.picked and position == part.length - 1
        position -= part.length
    return None, 0, False


def _layer(look: StepTrace, layer: int, cell: int) -> dict[str, Any]:
    h, c, after, shown = look.h_before[layer], look.c_before[layer], look.token.cells[layer], look.h[layer]
    rows = [h, np.tanh(c), *look.gates[layer], np.tanh(after), shown]
    numbers = [h, c, *look.gates[layer], after, shown]
    return {
        "bytes": _bytes(np.stack(rows)[:, :SHOWN]),
        "cell": [round(float(each[cell]), 3) for each in numbers],
        "held": any(hold[:2] == (layer, cell) for hold in look.clamps),
    }


def _shares(expects: Floats | None, params: SamplingParams, vocab: tuple[str, ...], came: int) -> dict[str, Any]:
    if expects is None:
        return {"likely": [], "strip": []}
    weight = weights(expects, params)
    if params.temperature == 0:
        weight = np.where(np.arange(len(weight)) == expects.argmax(), 1, 0)
    ends = np.cumsum(weight) / weight.sum()
    shares = weight / weight.sum()
    order = np.argsort(-shares, kind="stable")[:LIKELY]
    likely = [[vocab[id_], share] for id_ in order if (share := _rounded(shares[id_]))]
    wide = np.flatnonzero((shares >= _THIN) | ((np.arange(len(shares)) == came) & (shares > 0)))
    strip = [[vocab[id_], _rounded(ends[id_] - shares[id_]), _rounded(ends[id_])] for id_ in wide]
    return {"likely": likely, "strip": strip}


def _draw(seed: int, number: int) -> dict[str, Any]:
    return {"seed": seed, "number": number, "value": _rounded(Randomness(seed).number(number) / 2**64)}


def _rounded(share: float) -> float:
    return round(float(share), 5)


def _of_largest(row: Floats) -> Floats:
    largest = float(np.abs(row).max())
    scaled: Floats = row / largest if largest else row
    return scaled


def _bytes(values: npt.NDArray[Any]) -> str:
    return base64.b64encode(np.rint(127 * np.clip(values, -1, 1)).astype(np.int8).tobytes()).decode()
