"""Names cells of a trained network after a feature of the text that they follow, and finds passages that show it.

Each cell is compared with each feature of a list on one part of a held-out text; its best feature is then measured
again on another part. A feature has a value at every character, that after the character is read; binary features are 0
or 1. Some features depend on the rest of the text, such as the characters left in the line: a cell that follows one of
these predicts the text.

The cell gets the name if the score there reaches an AUC of 0.9 for a binary feature or a correlation of 0.7 for a
number, and exceeds every score with the features shifted along the text, which breaks the relation to the cells and
changes nothing else. A table of the last three characters is scored, too: where the table scores low, the cell
remembers something that is further back.

After Karpathy, Johnson, Li 2015, who found such cells by eye, and LSTMVis (Strobelt et al. 2016).

Shapes: T time, N cells (all layers one after another), K features.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from model import CharLSTM, LSTMState, generate
from model.named_cells import (
    BINARY,
    MAX_CELLS,
    MAX_PASSAGES,
    MAX_SAMPLE,
    MAX_SAMPLE_BYTES,
    MAX_WITH_PASSAGES,
    NUMERIC,
    Cell,
    Sample,
)
from model.terminal import markdown_text

from ..corpus.privacy import scan
from ..learner.evaluation import read_in_rows
from .summary import Quotes

T = TypeVar("T")
Values = npt.NDArray[np.float32]
_FAR = 60  # the largest place in a line; later places have this value


@dataclass(frozen=True)
class Feature:
    """A property of a text at each character."""

    name: str  # the name on the model card and on the page
    values: Callable[[str], Iterable[float]]  # called with a text; returns a value for each character
    binary: bool = True  # whether the values are 0 (false) and 1 (true); otherwise they are numbers

    def of(self, text: str) -> Values:
        """Returns the values (T,) float32 for a text of T characters."""
        return np.fromiter(self.values(text), np.float32, len(text))


def _inside(pattern: str, is_valid: Callable[[str], bool] = bool) -> Callable[[str], Iterable[float]]:
    """Returns a feature that is true in the matches of a pattern that are valid."""

    def values(text: str) -> Iterable[float]:
        found = np.zeros(len(text), bool)
        for match in re.finditer(pattern, text):
            found[slice(*match.span())] = is_valid(match[0])
        return found

    return values


def _scan(step: Callable[[T, str], T], first: T, *, backwards: bool = False) -> Callable[[str], list[T]]:
    """Returns a feature whose value is `step(value at the character before, character)`; `first` before the first.

    A "\\n" that ends a blank line is given as "\\n\\n".
    """

    def values(text: str) -> list[T]:
        chars = ["\n\n" if before == char == "\n" else char for before, char in zip(" " + text, text, strict=False)]
        found = list(itertools.accumulate(chars[::-1] if backwards else chars, step, initial=first))[1:]
        return found[::-1] if backwards else found

    return values


def _since(marks: str, most: int, first: int = 0, *, backwards: bool = False) -> Callable[[str], list[int]]:
    """Returns a feature: the number of characters since one of these marks, at most `most`."""
    return _scan(lambda n, char: 0 if char[0] in marks else min(n + 1, most), first, backwards=backwards)


def _indented(text: str) -> Iterator[float]:
    for line in re.findall(r"[^\n]*\n|[^\n]+", text):
        depth = len(line) - len(line.lstrip(" \t"))
        yield from (min(at + 1, depth) for at in range(len(line)))


def _after_quote(inside: bool, char: str) -> bool:
    """Returns whether a text is inside double quotes after a character; a blank line ends quotes left open."""
    if char == '"':
        return not inside
    return char in "“«" if char in "“”«»" else inside and char != "\n\n"


_quoted = _scan(_after_quote, False)
_asked = _scan(lambda asked, char: char == "?" if char in ".!?" else asked, False, backwards=True)
_words = _scan(lambda word, char: word + char if char.isalnum() or (word and char in "'’_") else "", "")
_left_in_line = _since("\n", _FAR, -1, backwards=True)
_brackets = _scan(lambda n, char: max(0, n + (char in "([{") - (char in ")]}")), 0)
_lines_since_blank = _scan(lambda n, char: 0 if char == "\n\n" else n + (char == "\n"), 0)
_words_in_line = _scan(lambda n, char: 0 if char[0] == "\n" else n + (char == " "), 0)


FEATURES = (
    Feature("vowel", _inside("[aeiouäöüyAEIOUÄÖÜY]")),
    Feature("space or line end", _inside(r"\s")),
    Feature("line begins", _inside("\n")),
    Feature("punctuation", _inside("[.,;:!?]")),
    Feature("capital letter", lambda text: map(str.isupper, text)),
    Feature("digit", lambda text: map(str.isdigit, text)),
    Feature("inside a word that began with a capital", lambda text: (word[:1].isupper() for word in _words(text))),
    Feature("inside a word all in capitals", lambda text: (word[1:] != "" and word.isupper() for word in _words(text))),
    Feature("in a speaker's name", _inside(r"(?m)^.[^,\n]{0,38}:$\n?", lambda name: name[0].isupper())),
    Feature("in the first word of the line", _inside(r"(?m)^(?:[^\n][^ \n]*|\n)")),
    Feature("inside quotes", _quoted),
    Feature("inside brackets", lambda text: (n > 0 for n in _brackets(text))),
    Feature("after a comma in the line", _inside(r",[^\n]*")),
    Feature("after a colon in the line", _inside(r":[^\n]*")),
    Feature("after an equals sign in the line", _inside(r"=[^\n]*")),
    Feature("in a comment", _inside(r"#[^\n]*")),
    Feature("line end near", lambda text: (n <= 5 for n in _left_in_line(text))),
    Feature("in a question", _asked),
    Feature("first line after a blank one", lambda text: (n == 0 for n in _lines_since_blank(text))),
    Feature("place in the line", _since("\n", _FAR), binary=False),
    Feature("characters left in the line", _left_in_line, binary=False),
    Feature("place in the word", lambda text: (min(len(word), 12) for word in _words(text)), binary=False),
    Feature("words in the line so far", _words_in_line, binary=False),
    Feature("lines since a blank one", lambda text: (min(n, 10) for n in _lines_since_blank(text)), binary=False),
    Feature("characters since the sentence began", _since(".!?", 120), binary=False),
    Feature("characters since punctuation", _since(".,;:!?", 60), binary=False),
    Feature("indentation", _indented, binary=False),
    Feature("brackets open", _brackets, binary=False),
)


LONGEST = 16_000  # characters of the text that are used: one half to choose a feature, the other to measure it
SHORTEST = 4_000
_ROWS = 64  # parts of the text that are read side by side
_WARM_UP = 128  # characters that each row reads before its own part
_MAX_SAME_NAME = 5  # cells with one name: the best
_SHIFTS = 5  # of the features along the text
_RARE = 0.005  # a binary feature that is true or false less often than this shows little
_SEEDS = range(1, 5)  # of the texts for passages, tried in this order until the privacy scan finds nothing
_MIN_CONTEXT = 30  # characters before a passage
_DISTANCE = 43  # characters from one passage to the next, so that they do not overlap

Floats = npt.NDArray[np.float32]
_IS_BINARY = np.array([feature.binary for feature in FEATURES])
_NEEDED = np.where(_IS_BINARY, 2 * BINARY - 1, NUMERIC)  # (K,), with 2 AUC - 1 for an AUC


def name_cells(lm: CharLSTM, text: str) -> list[Cell]:
    """Returns the cells of a model that follow a feature, with their scores.

    Args:
        text: held-out text, of which at most `LONGEST` characters are used. Characters outside the model's vocabulary
            are left out.

    Returns:
        at most `MAX_CELLS` cells, the best first, but cells that remember before all others; [] if the text is shorter
        than `SHORTEST`.
    """
    text = _known_text(lm, text)[:LONGEST]
    if len(text) < SHORTEST:
        return []
    values, features = _cell_values(lm, text), np.stack([feature.of(text) for feature in FEATURES])
    half = len(text) // 2
    chosen = _scores(values[:half], features[:, :half])
    best = np.abs(chosen / _NEEDED[:, None]).argmax(axis=0)  # (N,) the feature that each cell follows most
    each, needed = np.arange(len(best)), _NEEDED[best]
    # Shuffled characters would score too low by chance: neighbours are alike, in cells and in features.
    shifts = np.arange(_SHIFTS + 1) * (len(text) - half) // (_SHIFTS + 1)
    shifted = np.stack([np.roll(features[:, half:], shift, axis=1) for shift in shifts])
    score, *by_chance = _scores(values[half:], shifted)[:, best, each]
    chance = np.take_along_axis(np.stack(by_chance), np.abs(by_chance).argmax(axis=0)[None], axis=0)[0]
    last_three = _scores_of_last_three(text, features, half)[best]
    kept = (np.abs(score) >= needed) & (np.abs(score) > np.abs(chance)) & (score * chosen[best, each] > 0)
    order = sorted(np.flatnonzero(kept).tolist(), key=lambda cell: -abs(float(score[cell] / needed[cell])))
    named = [cell for at, cell in enumerate(order) if (best[order[:at]] == best[cell]).sum() < _MAX_SAME_NAME]
    cells = []
    for cell in named[:MAX_CELLS]:
        (layer, index), feature = divmod(cell, lm.config.hidden_size), FEATURES[best[cell]]
        measured = (float(scores[cell]) for scores in (score, chance, last_three))
        own, shifted_away, table = (round((value + 1) / 2 if feature.binary else value, 4) for value in measured)
        kind: Literal["auc", "r"] = "auc" if feature.binary else "r"
        cells.append(Cell(layer, index, feature.name, kind, own, shifted_away, table))
    return sorted(cells, key=lambda cell: not cell.remembers)


def add_passages(lm: CharLSTM, cells: Sequence[Cell], quotes: Quotes, held_out: str = "") -> list[Cell]:
    """Returns the cells with the passages in which they are highest and lowest, which are published with the model.

    A text in which the privacy scan finds anything is not stored.

    Args:
        cells: named cells of it; the first `MAX_WITH_PASSAGES` get passages.
        quotes: "text" shows the cells in the held-out text, "model" in a text that the model writes, "nothing" in none.
        held_out: text on which the model was not trained; if it is empty or holds private data, the model writes one.
    """
    # A page would show control characters differently.
    fit = (each for each in _samples(lm, quotes, held_out) if markdown_text(each.text) == each.text != "")
    sample = next((each for each in fit if not scan(each.text)), None) if cells else None
    if sample is None:
        return [replace(cell, high=(), low=(), sample=None) for cell in cells]
    values = _cell_values(lm, sample.text)
    found = []
    for number, cell in enumerate(cells):
        own = values[:, cell.layer * lm.config.hidden_size + cell.index]
        high, low = (_extremes(each) if number < MAX_WITH_PASSAGES else () for each in (own, -own))
        found.append(replace(cell, high=high, low=low, sample=sample))
    return found


def _samples(lm: CharLSTM, quotes: Quotes, held_out: str) -> Iterator[Sample]:
    """Yields the samples that may be used, the best first."""
    if quotes == "text":
        yield Sample(_cut(_known_text(lm, held_out)))
    for seed in _SEEDS if quotes != "nothing" else ():
        yield Sample(_cut(generate(lm, "", MAX_SAMPLE, temperature=1.0, seed=seed)), seed)


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


def _known_text(lm: CharLSTM, text: str) -> str:
    """Returns a text without the characters that the model does not know."""
    return lm.tokenizer.decode(lm.tokenizer.encode(text, unknown="skip"))


def _cell_values(lm: CharLSTM, text: str) -> Floats:
    """Returns (T, N): tanh of every cell after each character, the value that the output gate lets through."""
    ids = lm.tokenizer.encode(text)
    values = np.empty((len(ids), lm.config.num_layers * lm.config.hidden_size), np.float32)
    state: LSTMState | None = None
    with torch.inference_mode():
        for chunk in read_in_rows(len(ids), _ROWS, _WARM_UP, len(ids)):
            state = chunk.state_before(state)
            read = torch.from_numpy(ids[chunk.positions]).to(lm.device)
            for column in range(read.shape[1]):
                _, state = lm.network.step(read[:, column], state)
                cells = state.c.tanh().transpose(0, 1).flatten(1).cpu().numpy()  # (B, N)
                own = chunk.counted[:, column]
                values[chunk.positions[own, column]] = cells[own]
    return values


def _scores(values: Floats, features: Floats) -> Floats:
    """Returns how well cells (T, N) follow features (…, K, T): (…, K, N), 0 where a feature is constant or rare.

    The score is 2 AUC - 1 for a binary feature: how much higher cells rank where it is true (Mann and Whitney). It is
    Pearson's r for a number.
    """
    ranks, spread = np.empty_like(values), values.std(axis=0)
    for cell in range(values.shape[1]):
        ranks[np.argsort(values[:, cell], kind="stable"), cell] = np.linspace(0, 1, len(values), dtype=np.float32)
    centred = features - features.mean(axis=-1, keepdims=True)
    variance = (centred**2).mean(axis=-1, keepdims=True)  # of a binary feature: share · (1 - share)
    with_ranks = 2 * (centred @ ranks) / np.where(variance > _RARE * (1 - _RARE), variance, np.inf)
    scale = np.sqrt(variance) * spread
    with_values = centred @ (values - values.mean(axis=0)) / np.where(scale > 0, scale, np.inf)
    return np.clip(np.where(_IS_BINARY[:, None], with_ranks, with_values) / len(values), -1, 1)


def _scores_of_last_three(text: str, features: Floats, half: int) -> Floats:
    """Returns (K,): the scores on the second half of tables with a feature's mean after each three characters.

    The tables are made from the first half.
    """
    _, context = np.unique([text[max(0, at - 2) : at + 1] for at in range(len(text))], return_inverse=True)
    counts = np.bincount(context[:half], minlength=context.max() + 1)
    sums = np.stack([np.bincount(context[:half], row[:half], len(counts)) for row in features])
    table = np.where(counts > 0, sums / np.maximum(counts, 1), features[:, :half].mean(axis=1, keepdims=True))
    return np.diagonal(_scores(table[:, context[half:]].T.astype(np.float32), features[:, half:]))
