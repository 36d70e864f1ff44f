"""Reads .parquet tables, of which most data sets of the Hub consist, with pyarrow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, BinaryIO

from model.terminal import one_line

from .limits import PackedError

_TEXTS = ("text", "content", "body", "document", "story", "sentence")
_CHATS = ("messages", "conversations", "instruction", "prompt", "question")
_ROWS = 1000  # read at once


def rows(file: BinaryIO, label: str) -> tuple[bool, Iterator[str]]:
    """Returns whether a table holds conversations, and the text of its rows: JSON lines if it does, else their text.

    Raises:
        PackedError: pyarrow is not installed, or the table has no column of texts.
    """
    try:
        import pyarrow.parquet  # type: ignore[import-untyped]
    except ImportError:
        raise PackedError(f"{label} is a Parquet table, which pyarrow reads: pip install pyarrow") from None
    table = pyarrow.parquet.ParquetFile(file)
    names = list(table.schema_arrow.names)
    if any(name in names for name in _CHATS):
        return True, (json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in _records(table, names))
    column = next((name for name in _TEXTS if name in names), names[0] if len(names) == 1 else None)
    if column is None:
        listed = one_line(", ".join(names), 200)
        raise PackedError(f"{label} has no column named text (it has {listed}): export its text to a plain text file")
    return False, (f"{row[column]}\n" for row in _records(table, [column]) if isinstance(row[column], str))


def _records(table: Any, columns: list[str]) -> Iterator[dict[str, object]]:
    for batch in table.iter_batches(batch_size=_ROWS, columns=columns):
        yield from batch.to_pylist()
