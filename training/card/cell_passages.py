"""Finds where in a text the named cells of a model are highest and lowest.

The passages and their text are stored in the checkpoint with the names, so they are published with the model. Only a
run on a text that anyone can read stores held-out text; other runs store text that the model writes, or no text, see
`summary.Quotes`. A text in which the privacy scan finds anything is not stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from model import Cell, CharLSTM, generate
from model.named_cells import MAX_PASSAGES, MAX_SAMPLE, MAX_SAMPLE_BYTES, MAX_WITH_PASSAGES, Sample
from model.terminal import markdown_text

from ..corpus.privacy.scan import scan
from .cell_names import Floats, cell_values
from .summary import Quotes

SEEDS = range(1, 5)  # tried in this order until the privacy scan finds nothing
_TEMPERATURE = 1.0  # the model's own distribution
_MIN_CONTEXT = 30  # characters before a passage
_DISTANCE = 43  # characters from one passage to the next, so that they do not overlap


def add_passages(lm: CharLSTM, cells: Sequence[Cell], quotes: Quotes, held_out: str = "") -> list[Cell]:
    """Returns the cells with the passages in which they are highest and lowest.

    Args:
        lm: the model.
        cells: named cells of it; the first `MAX_WITH_PASSAGES` get passages.
        quotes: "text" shows the cells in the held-out text, "model" in a text that the model writes, "nothing" in none.
        held_out: text on which the model was not trained; if it is empty or holds private data, the model writes one.
    """
    sample = _sample(lm, quotes, held_out) if cells and quotes != "nothing" else None
    if sample is None:
        return [replace(cell, high=(), low=(), sample=None) for cell in cells]
    values = cell_values(lm, sample.text)
    found = []
    for number, cell in enumerate(cells):
        own = values[:, cell.layer * lm.config.hidden_size + cell.index]
        high, low = (_extremes(each) if number < MAX_WITH_PASSAGES else () for each in (own, -own))
        found.append(replace(cell, high=high, low=low, sample=sample))
    return found


def _sample(lm: CharLSTM, quotes: Quotes, held_out: str) -> Sample | None:
    return next((each for each in _samples(lm, quotes, held_out) if _is_fit(each.text)), None)


def _is_fit(text: str) -> bool:
    """Returns whether a text may be published and has no characters that a page would show differently."""
    return bool(text) and markdown_text(text) == text and not scan(text)


def _samples(lm: CharLSTM, quotes: Quotes, held_out: str) -> Iterator[Sample]:
    """Yields the samples that may be used, the best first."""
    if quotes == "text":
        yield Sample(_cut(lm.tokenizer.decode(lm.tokenizer.encode(held_out, unknown="skip"))))
    for seed in SEEDS:
        yield Sample(_cut(generate(lm, "", MAX_SAMPLE, temperature=_TEMPERATURE, seed=seed)), seed)


def _cut(text: str) -> str:
    """Returns the beginning of a text that fits into cells.json."""
    return text[:MAX_SAMPLE].encode("utf-8", "replace")[:MAX_SAMPLE_BYTES].decode("utf-8", "ignore")


def _extremes(values: Floats) -> tuple[int, ...]:
    """Returns the positions of the highest values, the highest first, at least `_DISTANCE` from each other."""
    found: list[int] = []
    for at in np.argsort(-values, kind="stable").tolist():
        if at >= _MIN_CONTEXT and all(abs(at - other) >= _DISTANCE for other in found):
            found.append(at)
            if len(found) == MAX_PASSAGES:
                break
    return tuple(found)
