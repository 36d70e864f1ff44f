"""The format of cells.json: cells of a model that follow a feature of the text, named after it.

Training writes the file at the end of a run (docs/named-cells.md). Layers and cells are numbered from 0, as in
`nn.LSTM`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from .lstm import LSTMConfig

FORMAT_VERSION = 1
BINARY, NUMERIC = 0.9, 0.7  # the AUC, and the absolute correlation, that a name requires
MAX_CELLS = 200
MAX_NAME = 60


@dataclass(frozen=True)
class Cell:
    """A cell that follows a feature of the text.

    Attributes:
        layer, index: the layer and the number of the cell.
        name: the feature, such as "place in the line".
        kind: "auc" for a feature that is true or false: the probability that the cell is higher where it is true;
            "r" for a numeric feature: Pearson's correlation.
        score: the AUC or correlation on held-out text that did not select the name. An AUC below 0.5 or a negative r
            means that the cell falls where the feature rises.
        chance: the same with the feature shifted along the text, so that it does not fit: the score by chance.
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
        """Whether the last three characters alone do not follow the feature well enough for the name."""
        if self.kind == "auc":
            return self.last_three < BINARY
        return abs(self.last_three) < NUMERIC

    def __str__(self) -> str:
        measure = "AUC" if self.kind == "auc" else "r"
        inverted = " (inverted)" if self.kind == "auc" and self.score < 0.5 else ""
        return f"cell {self.index} of layer {self.layer}: {self.name}, {measure} {self.score:.2f}{inverted}"


def cells_to_json(cells: Sequence[Cell]) -> Mapping[str, Any]:
    """Returns the content of cells.json."""
    return {"format_version": FORMAT_VERSION, "cells": [asdict(cell) for cell in cells]}


def cells_from_json(content: Mapping[str, Any], config: LSTMConfig) -> tuple[Cell, ...]:
    """Returns the cells in the content of cells.json.

    Raises:
        ValueError: the content is wrong, or names a cell that the network does not have.
    """
    if content.get("format_version") != FORMAT_VERSION or type(content["format_version"]) is not int:
        raise ValueError(f"format_version is {content.get('format_version')!r:.40}: it must be {FORMAT_VERSION}")
    if content.keys() != {"format_version", "cells"} or not isinstance(content["cells"], list):
        raise ValueError("it must hold format_version and a list of cells, and nothing else")
    if len(content["cells"]) > MAX_CELLS:
        raise ValueError(f"it has {len(content['cells']):,} cells: at most {MAX_CELLS} are allowed")
    cells = tuple(_parse_cell(entry, config) for entry in content["cells"])
    if len({(cell.layer, cell.index) for cell in cells}) < len(cells):
        raise ValueError("a cell occurs twice")
    return cells


def _parse_cell(entry: object, config: LSTMConfig) -> Cell:
    names = [field.name for field in fields(Cell)]
    if not isinstance(entry, dict) or set(entry) != set(names):
        raise ValueError(f"a cell must have the fields {', '.join(names)}, and no other")
    for name, below in (("layer", config.num_layers), ("index", config.hidden_size)):
        if type(entry[name]) is not int or not 0 <= entry[name] < below:
            raise ValueError(f"{name} is {entry[name]!r:.40}: it must be a whole number from 0 to {below - 1}")
    name = entry["name"]
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME or not name.isprintable():
        raise ValueError(f"name is {name!r:.40}: it must be a text of 1 to {MAX_NAME} characters on one line")
    if entry["kind"] not in ("auc", "r"):
        raise ValueError(f"kind is {entry['kind']!r:.40}: it must be auc or r")
    least = 0.0 if entry["kind"] == "auc" else -1.0
    for name in ("score", "chance", "last_three"):
        value = entry[name]
        if type(value) not in (int, float) or not math.isfinite(value) or not least <= value <= 1:
            raise ValueError(f"{name} is {value!r:.40}: it must be a number from {least:g} to 1")
    return Cell(**entry)
