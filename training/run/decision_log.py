"""decisions.jsonl: each decision of `--minutes` (see `schedule`), on disk before the run uses it.

A resumed run repeats the decisions for the steps that it takes again, so these steps are the same, bit for bit.
"""

from __future__ import annotations

import errno
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
                line = _line(decision)
                if file.write(line) < len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(file.fileno())
            except OSError:
                file.truncate(size)  # `read` stops at an incomplete line
                raise

    def read(self) -> list[Decision]:
        """Returns the decisions up to the first incomplete line, which a process that was killed may have left."""
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
