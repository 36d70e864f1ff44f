"""One training among several: its arguments and its run folder."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from model.checkpoint.names import METRICS

from ..run.facts import Evaluation
from ..run.run_folder import has_checkpoint

# Two trainings with one thread each are together twice as fast as one with two threads, which wait for each other.
ENVIRONMENT: Mapping[str, str] = {"OMP_NUM_THREADS": "1"}
OUTPUT = "output.txt"  # in the run folder: what the processes of the task printed


@dataclass(frozen=True, kw_only=True)
class TrainingTask:
    """A training of its own run folder, in one thread.

    Attributes:
        folder: the run folder, which is created if it is missing.
        arguments: the arguments of `python -m training` for a new run, without --out.
    """

    folder: Path
    arguments: tuple[str, ...]

    def words(self) -> Sequence[str]:
        """Returns the arguments of `python -m training` for the next process: a run with a checkpoint is resumed."""
        if has_checkpoint(self.folder):
            return ("--resume", str(self.folder))
        return (*self.arguments, "--out", str(self.folder))

    def last_evaluation(self) -> Evaluation | None:
        """Returns the last line of metrics.jsonl of the run; None before the first evaluation."""
        with contextlib.suppress(OSError, ValueError):
            lines = (self.folder / METRICS).read_bytes().splitlines()
            return cast(Evaluation, json.loads(lines[-1])) if lines else None
        return None

    def last_output(self) -> str:
        """Returns the last line that the task printed; "" if there is none."""
        with contextlib.suppress(OSError):
            lines = (self.folder / OUTPUT).read_text(encoding="utf-8", errors="replace").split("\n")
            return next((line.strip() for line in reversed(lines) if line.strip()), "")
        return ""
