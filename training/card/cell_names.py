"""Finds cells of a trained network that follow a feature of the text, and names them after it.

Each cell is compared with each feature of a list (`cell_features`) on one part of a held-out text; its best feature
is then measured again on another part. The cell gets the name if the score there reaches an AUC of 0.9 for a binary
feature or a correlation of 0.7 for a number, and exceeds every score with the features shifted along the text, which
breaks the relation to the cells and changes nothing else. A table of the last three characters is scored, too: where
the table scores low, the cell remembers something that is further back.

After Karpathy, Johnson, Li 2015, who found such cells by eye, and LSTMVis (Strobelt et al. 2016).

Shapes: T time, N cells (all layers one after another), K features.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from model import CharLSTM, LSTMState
from model.named_cells import BINARY, MAX_CELLS, NUMERIC, Cell

from ..learner.evaluation import read_in_rows
from .cell_features import FEATURES, Feature

LONGEST = 16_000  # characters of the text that are used: one half to choose a feature, the other to measure it
SHORTEST = 4_000
_ROWS = 64  # parts of the text that are read side by side
_WARM_UP = 128  # characters that each row reads before its own part
_MAX_SAME_NAME = 5  # cells with one name: the best
_SHIFTS = 5  # of the features along the text
_RARE = 0.005  # a binary feature that is true or false less often than this shows little

Floats = npt.NDArray[np.float32]
_IS_BINARY = np.array([feature.binary for feature in FEATURES])
_NEEDED = np.where(_IS_BINARY, 2 * BINARY - 1, NUMERIC)[:, None]  # (K, 1), with 2 AUC - 1 for an AUC


def name_cells(lm: CharLSTM, text: str) -> list[Cell]:
    """Returns the cells of a model that follow a feature, with their scores.

    Args:
        lm: the model.
        text: held-out text, of which at most `LONGEST` characters are used. Characters outside the model's vocabulary
            are left out.

    Returns:
        at most `MAX_CELLS` cells, the best first, but cells that remember before all others; [] if the text is shorter
        than `SHORTEST`.
    """
    text = lm.tokenizer.decode(lm.tokenizer.encode(text, unknown="skip"))[:LONGEST]
    if len(text) < SHORTEST:
        return []
    values, features = cell_values(lm, text), np.stack([feature.of(text) for feature in FEATURES])
    half = len(text) // 2
    chosen = _CellScores(values[:half]).with_features(features[:, :half])
    best = np.abs(chosen / _NEEDED).argmax(axis=0)  # (N,) the feature that each cell follows most
    each = np.arange(values.shape[1])
    second_half = _CellScores(values[half:])
    score = second_half.with_features(features[:, half:])[best, each]
    chance = _score_by_chance(second_half, features[:, half:], best)
    last_three = _score_of_last_three(text, features, half)
    needed = _NEEDED[best, 0]
    same_sign = np.sign(score) == np.sign(chosen[best, each])
    kept = (np.abs(score) >= needed) & same_sign & (np.abs(score) > np.abs(chance))
    order = sorted(np.flatnonzero(kept).tolist(), key=lambda cell: -abs(float(score[cell] / needed[cell])))
    named = [cell for at, cell in enumerate(order) if (best[order[:at]] == best[cell]).sum() < _MAX_SAME_NAME]
    cells = []
    for cell in named[:MAX_CELLS]:
        place = divmod(cell, lm.config.hidden_size)
        cells.append(_cell(place, FEATURES[best[cell]], score[cell], chance[cell], last_three[best[cell]]))
    return sorted(cells, key=lambda cell: not cell.remembers)


def _cell(place: tuple[int, int], feature: Feature, score: float, chance: float, last_three: float) -> Cell:
    def published(value: float) -> float:
        return round(float((value + 1) / 2 if feature.binary else value), 4)

    kind: Literal["auc", "r"] = "auc" if feature.binary else "r"
    return Cell(*place, feature.name, kind, published(score), published(chance), published(last_three))


def cell_values(lm: CharLSTM, text: str) -> Floats:
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


class _CellScores:
    """Scores how well cells (T, N) follow features (K, T)."""

    def __init__(self, values: Floats) -> None:
        self._values = values - values.mean(axis=0)
        self._spread = values.std(axis=0)
        self._ranks = np.empty_like(values)  # from 0 to 1
        ranks = np.linspace(0, 1, len(values), dtype=np.float32)
        for cell in range(values.shape[1]):
            self._ranks[np.argsort(values[:, cell], kind="stable"), cell] = ranks

    def __len__(self) -> int:
        return len(self._values)

    def with_features(self, features: Floats) -> Floats:
        """Returns (K, N): 2 AUC - 1 for a binary feature, r for a number; 0 where a feature is constant or rare."""
        scores = np.zeros((len(features), len(self._spread)), np.float32)
        scores[_IS_BINARY] = self._rank_difference(features[_IS_BINARY])
        scores[~_IS_BINARY] = self._correlation(features[~_IS_BINARY])
        return scores

    def _rank_difference(self, features: Floats) -> Floats:
        """Returns 2 AUC - 1: how much higher cells rank where a feature is true (Mann and Whitney)."""
        true = (features > 0).astype(np.float32)
        share = true.mean(axis=1, keepdims=True)
        usable = (share > _RARE) & (share < 1 - _RARE)
        share = np.where(usable, share, 0.5)
        inside = true @ self._ranks / len(self) / share
        outside = (0.5 - inside * share) / (1 - share)
        return np.where(usable, np.clip(2 * (inside - outside), -1, 1), 0)

    def _correlation(self, features: Floats) -> Floats:
        """Returns Pearson's r."""
        centred = features - features.mean(axis=1, keepdims=True)
        spread = centred.std(axis=1)[:, None] * self._spread
        return np.where(spread > 0, centred @ self._values / len(self) / np.where(spread > 0, spread, 1), 0)


def _score_of_last_three(text: str, features: Floats, half: int) -> Floats:
    """Returns (K,): the scores on the second half of tables with a feature's mean after each three characters.

    The tables are made from the first half.
    """
    _, context = np.unique([text[max(0, at - 2) : at + 1] for at in range(len(text))], return_inverse=True)
    counts = np.bincount(context[:half], minlength=context.max() + 1)
    sums = np.stack([np.bincount(context[:half], row[:half], len(counts)) for row in features])
    table = np.where(counts > 0, sums / np.maximum(counts, 1), features[:, :half].mean(axis=1, keepdims=True))
    predicted = table[:, context[half:]].T.astype(np.float32)
    return np.diagonal(_CellScores(predicted).with_features(features[:, half:]))


def _score_by_chance(cells: _CellScores, features: Floats, best: npt.NDArray[np.intp]) -> Floats:
    """Returns (N,): each cell's largest score with its feature shifted along the text.

    Shuffled characters would score too low: neighbours are alike, in cells and in features.
    """
    each, largest = np.arange(len(best)), np.zeros(len(best), np.float32)
    for shift in range(1, _SHIFTS + 1):
        shifted = np.roll(features, shift * len(cells) // (_SHIFTS + 1), axis=1)
        score = cells.with_features(shifted)[best, each]
        largest = np.where(np.abs(score) > np.abs(largest), score, largest)
    return largest
