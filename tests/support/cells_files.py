"""Contents of cells.json with passages, valid and invalid, for the readers in Python and in the browser."""

from typing import Any

CELL = {"layer": 1, "index": 3, "name": "vowel", "kind": "auc", "score": 0.95, "chance": 0.5, "last_three": 0.6}
PLACES = {"high": [0, 4], "low": [2]}


def content(cell: object = None, sample: object = None, **others: object) -> dict[str, Any]:
    """Returns a valid content of version 2, or one with something else in it."""
    given = {"text": "a\tb\ncd", "seed": 1} if sample is None else sample
    return {"format_version": 2, "cells": [{**CELL, **PLACES} if cell is None else cell], "sample": given, **others}


VALID = [
    content(),
    content(sample={"text": "a" * 6000, "seed": None}),
    content(sample={"text": "é" * 6000, "seed": 0}),
    content(sample={"text": "a\u202eb\x1b[31m\ud800\x85", "seed": 1}),
    content({**CELL, "high": [], "low": []}),
    content({**CELL, **PLACES, "more": 1}, sample={"text": "abcdef", "seed": 1, "more": 1}, more=1),
    content(format_version=1),  # without passages, whose fields are unknown to this version
]
INVALID = [
    content(sample={"text": "", "seed": 1}),
    content(sample={"text": "a" * 6001, "seed": 1}),
    content(sample={"text": "漢" * 4001, "seed": 1}),
    content(sample={"text": 5, "seed": 1}),
    content(sample={"text": "abcdef", "seed": -1}),
    content(sample={"text": "abcdef", "seed": True}),
    content(sample={"text": "abcdef", "seed": 2**53}),
    content(sample={"text": "abcdef", "seed": "1"}),
    content(sample={"text": "abcdef"}),
    content(sample=[]),
    content(dict(CELL)),
    content({**CELL, "high": [0]}),
    content({**CELL, **PLACES, "high": [6]}),
    content({**CELL, **PLACES, "high": [-1]}),
    content({**CELL, **PLACES, "high": [True]}),
    content({**CELL, **PLACES, "low": [0.5]}),
    content({**CELL, **PLACES, "low": list(range(6)) * 2}),
    content({**CELL, **PLACES, "low": "01"}),
    content({**CELL, **PLACES}, sample={"text": "a\r\nb\r\n", "seed": 1}),  # 4 characters once it is read
    content(format_version=3),
    {"format_version": 2, "cells": []},
    {"format_version": 1},
    content(cells=[{**CELL, **PLACES, "index": index} for index in range(71)]),
]
