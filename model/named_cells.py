"""cells.json: the cells of a model that have been given a name, each with how well it earns it.

``training.card.cell_names`` writes it at the end of a run. It is checked as strictly as the rest of a checkpoint.
docs/named-cells.md describes it.

Layers and cells count from 0, as ``nn.LSTM`` counts them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from .lstm import LSTMConfig

FORMAT_VERSION = 1
BINARY, NUMERIC = 0.9, 0.7  # what a name needs: an AUC, or the size of a correlation
MAX_CELLS = 200
MAX_NAME = 60


@dataclass(frozen=True)
class Cell:
    """A cell that follows something a person can see.

    Attributes:
        layer, index: which.
        name: what it follows, such as "place in the line".
        kind: "auc" for something true or false: the chance that the cell is higher where it holds than where it does
            not; "r" for a number: Pearson's correlation.
        score: on held-out text that was not used to choose the name. An AUC below a half, or a negative r: the cell
            goes down where the feature goes up.
        chance: the same with the feature moved along the text, so that it fits no longer: what is found by chance.
        last_three: the same for a table of the last three characters instead of the cell.
    """

    layer: int
    index: int
    name: str
    kind: Literal["auc", "r"]
    score: float
    chance: float
    last_three: float

    @property
    def remembers(self) -> bool:
        """Whether it follows what the last three characters alone would not tell so well as to earn the name."""
        if self.kind == "auc":
            return self.last_three < BINARY
        return abs(self.last_three) < NUMERIC

    def __str__(self) -> str:
        measure = "AUC" if self.kind == "auc" else "r"
        return f"cell {self.index} of layer {self.layer}: {self.name}, {measure} {self.score:.2f}"


def cells_to_json(cells: Sequence[Cell]) -> dict[str, Any]:
    """What cells.json holds."""
    return {"format_version": FORMAT_VERSION, "cells": [asdict(cell) for cell in cells]}


def cells_from_json(found: Mapping[str, Any], config: LSTMConfig) -> tuple[Cell, ...]:
    """Reads what ``cells_to_json`` made.

    Raises:
        ValueError: it is anything else; the message says what is wrong.
    """
    if found.get("format_version") != FORMAT_VERSION or type(found["format_version"]) is not int:
        raise ValueError(f"format_version is {found.get('format_version')!r:.40}: it must be {FORMAT_VERSION}")
    if found.keys() != {"format_version", "cells"} or not isinstance(found["cells"], list):
        raise ValueError("it must hold format_version and a list of cells, and nothing else")
    if len(found["cells"]) > MAX_CELLS:
        raise ValueError(f"it has {len(found['cells']):,} cells: at most {MAX_CELLS} are allowed")
    cells = tuple(_cell(each, config) for each in found["cells"])
    if len({(cell.layer, cell.index) for cell in cells}) < len(cells):
        raise ValueError("a cell stands there twice")
    return cells


def _cell(found: object, config: LSTMConfig) -> Cell:
    names = [field.name for field in fields(Cell)]
    if not isinstance(found, dict) or set(found) != set(names):
        raise ValueError(f"a cell must have the fields {', '.join(names)}, and no other")
    for name, below in (("layer", config.num_layers), ("index", config.hidden_size)):
        if type(found[name]) is not int or not 0 <= found[name] < below:
            raise ValueError(f"{name} is {found[name]!r:.40}: it must be a whole number from 0 to {below - 1}")
    name = found["name"]
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME or not name.isprintable():
        raise ValueError(f"name is {name!r:.40}: it must be a text of 1 to {MAX_NAME} characters on one line")
    if found["kind"] not in ("auc", "r"):
        raise ValueError(f"kind is {found['kind']!r:.40}: it must be auc or r")
    least = 0.0 if found["kind"] == "auc" else -1.0
    for name in ("score", "chance", "last_three"):
        value = found[name]
        if type(value) not in (int, float) or not math.isfinite(value) or not least <= value <= 1:
            raise ValueError(f"{name} is {value!r:.40}: it must be a number from {least:g} to 1")
    return Cell(**found)
