"""decisions.jsonl: each decision of a run that depended on the clock, on disk before the run follows it.

A run that is resumed repeats the decisions for the steps that it takes again, so it takes them bit for bit as before.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from model.files import atomic_write

from ..learner.schedule import Decision

DECISIONS = "decisions.jsonl"


class DecisionLog:
    """The decisions of the run in a folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / DECISIONS

    def write(self, decisions: Iterable[Decision]) -> None:
        """Replaces the log.

        Raises:
            OSError: the disk is full or not writable.
        """
        atomic_write(self._path, b"".join(map(_line, decisions)))

    def append(self, decision: Decision) -> None:
        """Adds a decision and returns once it is on disk.

        Raises:
            OSError: the disk is full or not writable.
        """
        with self._path.open("ab", buffering=0) as file:
            size = file.tell()
            try:
                file.write(_line(decision))
                os.fsync(file.fileno())
            except OSError:
                file.truncate(size)  # a line of which only a part is there would hide those after it
                raise

    def read(self) -> list[Decision]:
        """Returns the decisions up to the first line that is not whole: the process was killed while it wrote that."""
        try:
            lines = self._path.read_bytes().split(b"\n")[:-1]
        except OSError:
            return []
        found: list[Decision] = []
        for line in lines:
            try:
                values = json.loads(line)
                found.append(Decision(int(values["step"]), int(values["steps"]), int(values["until"])))
            except (ValueError, KeyError, TypeError):
                break
        return found


def _line(decision: Decision) -> bytes:
    return json.dumps(decision._asdict()).encode() + b"\n"
