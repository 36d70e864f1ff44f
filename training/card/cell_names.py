"""What the cells of a network have come to count: names for those that follow something a person can see.

Every cell is compared with every feature of a list (``cell_features``) on one part of a held-out text; the best
feature of each cell is then measured again on another part. A name is kept when it holds there: an AUC of 0.9 for a
feature that is true or false, a correlation of 0.7 for one that is a number, and in any case more than the best that
is found when the features are moved along the text, which breaks what belongs together and keeps all else. Beside it
stands what a table of the last three characters reaches: where that is little, the cell keeps something in mind.

After Karpathy, Johnson, Li 2015, who found such cells by looking, and LSTMVis (Strobelt et al. 2016).

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

LONGEST = 16_000  # characters of the text that are looked at, half of them to choose, half to measure
SHORTEST = 4_000
_ROWS = 64  # parts of the text that are read side by side, for speed,
_WARM = 128  # each from so many characters before it on
_EACH = 5  # cells that may have the same name: the best
_SHIFTS = 5  # times that the features are moved along the text, for comparison
_RARE = 0.005  # a binary feature that holds less often, or more often than all but this, says little

Floats = npt.NDArray[np.float32]
_BINARY = np.array([feature.binary for feature in FEATURES])
_NEEDED = np.where(_BINARY, 2 * BINARY - 1, NUMERIC)[:, None]  # (K, 1), an AUC counted as 2 AUC - 1


def name_cells(lm: CharLSTM, text: str, *, longest: int = LONGEST) -> list[Cell]:
    """Finds the cells of a model that follow a feature, and says how well.

    Args:
        lm: the model.
        text: held-out text: nothing was trained on it. What the model does not know is left out.
        longest: characters of it that are looked at, at most.

    Returns:
        the cells that earn a name, one name each: those that remember first, the best of them first; none if the
        text is too short to tell.
    """
    text = lm.tokenizer.decode(lm.tokenizer.encode(text, unknown="skip"))[:longest]
    if len(text) < SHORTEST:
        return []
    cells, features = _cells(lm, text), np.stack([feature.of(text) for feature in FEATURES])
    half = len(text) // 2
    choosing = _Cells(cells[:half]).follow(features[:, :half])
    best = np.abs(choosing / _NEEDED).argmax(axis=0)  # (N,) the feature that each cell follows most
    each = np.arange(cells.shape[1])
    said = choosing[best, each]
    measuring = _Cells(cells[half:])
    found = measuring.follow(features[:, half:])[best, each]
    chance = _by_chance(measuring, features[:, half:], best)
    last_three = _from_last_three(text, features, half)
    needed = _NEEDED[best, 0]
    kept = (np.abs(found) >= needed) & (np.sign(found) == np.sign(said)) & (np.abs(found) > np.abs(chance))
    order = sorted(np.flatnonzero(kept).tolist(), key=lambda cell: -abs(float(found[cell] / needed[cell])))
    first = [cell for at, cell in enumerate(order) if (best[order[:at]] == best[cell]).sum() < _EACH]
    named = [
        _cell(
            divmod(cell, lm.config.hidden_size), FEATURES[best[cell]], found[cell], chance[cell], last_three[best[cell]]
        )
        for cell in first[:MAX_CELLS]
    ]
    return sorted(named, key=lambda cell: not cell.remembers)


def _cell(place: tuple[int, int], feature: Feature, found: float, chance: float, last_three: float) -> Cell:
    def told(value: float) -> float:
        return round(float((value + 1) / 2 if feature.binary else value), 4)

    kind: Literal["auc", "r"] = "auc" if feature.binary else "r"
    return Cell(*place, feature.name, kind, told(found), told(chance), told(last_three))


def _cells(lm: CharLSTM, text: str) -> Floats:
    """(T, N): tanh of every cell after each character, the value that the output gate lets through."""
    ids = lm.tokenizer.encode(text)
    out = np.empty((len(ids), lm.config.num_layers * lm.config.hidden_size), np.float32)
    state: LSTMState | None = None
    with torch.inference_mode():
        for chunk in read_in_rows(len(ids), _ROWS, _WARM, most=len(ids)):
            state = chunk.state_before(state)
            read = torch.from_numpy(ids[chunk.positions]).to(lm.device)
            for column in range(read.shape[1]):
                _, state = lm.network.step(read[:, column], state)
                cells = state.c.tanh().transpose(0, 1).flatten(1).cpu().numpy()  # (B, N)
                own = chunk.counted[:, column]
                out[chunk.positions[own, column]] = cells[own]
    return out


class _Cells:
    """Cells (T, N), to be compared with features (K, T)."""

    def __init__(self, values: Floats) -> None:
        self._values = values - values.mean(axis=0)
        self._spread = values.std(axis=0)
        self._ranks = np.empty_like(values)
        places = np.linspace(0, 1, len(values), dtype=np.float32)
        for cell in range(values.shape[1]):
            self._ranks[np.argsort(values[:, cell], kind="stable"), cell] = places

    def __len__(self) -> int:
        return len(self._values)

    def follow(self, features: Floats) -> Floats:
        """(K, N): 2 AUC - 1 of what is true or false, r of what is a number; 0 where there is nothing to compare."""
        found = np.zeros((len(features), len(self._spread)), np.float32)
        found[_BINARY] = self._rank_gap(features[_BINARY])
        found[~_BINARY] = self._correlation(features[~_BINARY])
        return found

    def _rank_gap(self, features: Floats) -> Floats:
        """2 AUC - 1: how much higher cells rank where a feature holds (Mann and Whitney)."""
        held = (features > 0).astype(np.float32)
        share = held.mean(axis=1, keepdims=True)
        told = (share > _RARE) & (share < 1 - _RARE)
        share = np.where(told, share, 0.5)
        inside = held @ self._ranks / len(self) / share
        outside = (0.5 - inside * share) / (1 - share)
        return np.where(told, np.clip(2 * (inside - outside), -1, 1), 0)

    def _correlation(self, features: Floats) -> Floats:
        """Pearson's r."""
        centred = features - features.mean(axis=1, keepdims=True)
        spread = centred.std(axis=1)[:, None] * self._spread
        return np.where(spread > 0, centred @ self._values / len(self) / np.where(spread > 0, spread, 1), 0)


def _from_last_three(text: str, features: Floats, half: int) -> Floats:
    """(K,): how well a table follows each feature that knows its mean, over the first half, after three characters."""
    _, seen = np.unique([text[max(0, at - 2) : at + 1] for at in range(len(text))], return_inverse=True)
    counts = np.bincount(seen[:half], minlength=seen.max() + 1)
    table = np.stack([np.bincount(seen[:half], row[:half], len(counts)) for row in features]) / np.maximum(counts, 1)
    told = np.where(counts > 0, table, features[:, :half].mean(axis=1, keepdims=True))[:, seen[half:]]
    return np.diagonal(_Cells(told.T.astype(np.float32)).follow(features[:, half:]))


def _by_chance(cells: _Cells, features: Floats, best: npt.NDArray[np.intp]) -> Floats:
    """(N,): what cells follow most when their features are moved along the text, so that they fit no longer.

    Shuffling single characters would be too easy to beat: neighbours are alike, in cells and in features.
    """
    each, most = np.arange(len(best)), np.zeros(len(best), np.float32)
    for turn in range(1, _SHIFTS + 1):
        found = cells.follow(np.roll(features, turn * len(cells) // (_SHIFTS + 1), axis=1))[best, each]
        most = np.where(np.abs(found) > np.abs(most), found, most)
    return most
