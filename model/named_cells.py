"""The format of cells.json: cells of a model that follow a feature of the text, named after it.

Training writes the file at the end of a run (docs/named-cells.md). Layers and cells are numbered from 0, as in
`nn.LSTM`. Version 2 of the format adds a sample of text, and for each cell the positions in it where the cell is
highest and lowest; files without a sample have version 1. Unknown fields are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from .lstm import LSTMConfig
from .settings import check_value
from .terminal import markdown_text

PLAIN, WITH_PASSAGES = 1, 2  # versions of the format
BINARY, NUMERIC = 0.9, 0.7  # the AUC, and the absolute correlation, that a name requires
MAX_CELLS = 200
MAX_NAME = 60
# Passages add at most 30 kB to the file: the sample 12 kB, the positions 70 × 20 × 10 bytes, and the fields' names.
MAX_SAMPLE, MAX_SAMPLE_BYTES = 6_000, 12_000  # characters, and bytes in UTF-8
MAX_PASSAGES = 10  # where a cell is highest, and as many where it is lowest
MAX_WITH_PASSAGES = 70  # cells
_BEFORE, _AFTER = 30, 12  # characters of a passage around the one at which the cell is highest or lowest
_OPTIONAL = ("high", "low", "sample")


@dataclass(frozen=True)
class Sample:
    """The text from which the passages of all cells are."""

    text: str  # at most `MAX_SAMPLE` characters, without control characters except tabs and line ends
    seed: int | None = None  # the seed with which the model wrote it; None for held-out text


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
        chance: the score by chance: with the feature shifted along the text, so that it does not fit.
        last_three: the score of a table of the last three characters instead of the cell.
        high, low: the positions in the sample at which the cell is highest and lowest, the most extreme first.
        sample: the text of these positions, the same object for all cells of a model; None if there are none.
    """

    layer: int
    index: int
    name: str
    kind: Literal["auc", "r"]
    score: float
    chance: float
    last_three: float
    high: tuple[int, ...] = ()
    low: tuple[int, ...] = ()
    sample: Sample | None = None

    def passages(self, positions: Sequence[int]) -> list[tuple[str, str, str]]:
        """Returns the characters of the sample before, at and after some positions; [] without a sample."""
        text = self.sample.text if self.sample else ""
        return [
            (text[max(0, at - _BEFORE) : at], text[at], text[at + 1 : at + 1 + _AFTER])
            for at in positions
            if at < len(text)
        ]

    def facts(self) -> Mapping[str, Any]:
        """Returns the fields of the cell for JSON, without its passages."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name not in _OPTIONAL}

    @property
    def remembers(self) -> bool:
        """Whether the last three characters alone would not get the name."""
        return self.last_three < BINARY if self.kind == "auc" else abs(self.last_three) < NUMERIC

    def __str__(self) -> str:
        measure = "AUC" if self.kind == "auc" else "r"
        inverted = " (inverted)" if self.kind == "auc" and self.score < 0.5 else ""
        return f"cell {self.index} of layer {self.layer}: {self.name}, {measure} {self.score:.2f}{inverted}"


def cells_to_json(cells: Sequence[Cell]) -> Mapping[str, Any]:
    """Returns the content of cells.json."""
    sample = next((cell.sample for cell in cells if cell.sample), None)
    if sample is None:
        return {"format_version": PLAIN, "cells": [cell.facts() for cell in cells]}
    entries = [{**cell.facts(), "high": list(cell.high), "low": list(cell.low)} for cell in cells]
    return {"format_version": WITH_PASSAGES, "cells": entries, "sample": {"text": sample.text, "seed": sample.seed}}


def cells_from_json(content: Mapping[str, Any], config: LSTMConfig) -> tuple[Cell, ...]:
    """Returns the cells in the content of cells.json.

    Raises:
        ValueError: the content is wrong, or names a cell that the network does not have.
    """
    version = content.get("format_version")
    check_value("format_version", version, int, PLAIN, WITH_PASSAGES)
    if not isinstance(content.get("cells"), list):
        raise ValueError("it must hold a list of cells")
    check_value("the number of cells", len(content["cells"]), int, 0, MAX_CELLS)
    sample = _parse_sample(content.get("sample")) if version == WITH_PASSAGES else None
    cells = tuple(_parse_cell(entry, config, sample) for entry in content["cells"])
    if len({(cell.layer, cell.index) for cell in cells}) < len(cells):
        raise ValueError("a cell occurs twice")
    check_value(
        "the number of cells with passages", sum(bool(c.high or c.low) for c in cells), int, 0, MAX_WITH_PASSAGES
    )
    return cells


def _parse_sample(sample: object) -> Sample:
    if not isinstance(sample, dict) or not sample.keys() >= {"text", "seed"} or not isinstance(sample["text"], str):
        raise ValueError("sample must be an object with a text and a seed")
    text, seed = sample["text"], sample["seed"]
    check_value("the length of the sample", len(text), int, 1, MAX_SAMPLE)
    check_value("the size of the sample in bytes", len(text.encode("utf-8", "replace")), int, 1, MAX_SAMPLE_BYTES)
    if seed is not None:
        check_value("seed", seed, int, 0, (1 << 53) - 1)
    return Sample(markdown_text(text), seed)


def _parse_cell(entry: object, config: LSTMConfig, sample: Sample | None) -> Cell:
    names = [field.name for field in fields(Cell) if field.name not in _OPTIONAL[0 if sample is None else 2 :]]
    if not isinstance(entry, dict) or not entry.keys() >= set(names):
        raise ValueError(f"a cell must have the fields {', '.join(names)}")
    entry = {name: entry[name] for name in names}
    check_value("layer", entry["layer"], int, 0, config.num_layers - 1)
    check_value("index", entry["index"], int, 0, config.hidden_size - 1)
    name, kind = entry["name"], entry["kind"]
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME or not name.isprintable():
        raise ValueError(f"name is {name!r:.40}: it must be a text of 1 to {MAX_NAME} characters on one line")
    if kind not in ("auc", "r"):
        raise ValueError(f"kind is {kind!r:.40}: it must be auc or r")
    for name in ("score", "chance", "last_three"):
        check_value(name, entry[name], float, 0 if kind == "auc" else -1, 1)
    if sample is None:
        return Cell(**entry)
    for name in ("high", "low"):
        positions = entry[name]
        if not isinstance(positions, list) or len(positions) > MAX_PASSAGES:
            raise ValueError(f"{name} must be a list of at most {MAX_PASSAGES} positions")
        for at in positions:
            check_value(f"a position in {name}", at, int, 0, len(sample.text) - 1)
    return Cell(**{**entry, "high": tuple(entry["high"]), "low": tuple(entry["low"])}, sample=sample)
