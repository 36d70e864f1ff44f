"""Compares runs in a table and a picture: `python -m training compare RUN… --picture FILE`.

It reads metrics.jsonl and config.json but no weights, so it is quick, and the runs may still be training.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from model.char_lstm import checkpoint_folder
from model.checkpoint.format import CheckpointError, parse_config
from model.checkpoint.names import CONFIG, METRICS
from model.checkpoint.record import TrainingRecord
from model.files import atomic_write
from model.terminal import one_line

from ..card.curve import Curve, draw, number
from ..corpus.sources import expanded_path
from ..run.console import say
from ..run.snapshot import read_metrics
from .options import command_parser

_NAME = 36  # characters of a name, at most
_COLUMNS = ("  run", "preset", "params", "steps", "chars", "minutes", "loss", "reset256", "bpc", "int8", "chars/s")
_LEGEND = """\
*: the best run on its text; losses on texts of different names or lengths cannot be compared.
loss: nats per character on held-out text, lower is better; reset256: with the state reset every 256
characters; bpc: the loss in bits per character; int8: what int8 inference adds to the loss"""


@dataclass(frozen=True)
class Run:
    """A run folder, or a checkpoint folder."""

    name: str  # the folder's name; RUN/CHECKPOINT for a checkpoint folder
    metrics: Sequence[Mapping[str, Any]]  # the lines of metrics.jsonl, oldest first
    parameters: int  # the number of weights
    training: TrainingRecord  # `training` of config.json of the best checkpoint

    @property
    def best(self) -> Mapping[str, Any]:
        """The evaluation with the lowest validation loss; {} before the first."""
        return min(self.metrics, key=lambda line: float(line["val_loss"]), default={})


def compare(arguments: Sequence[str]) -> int:
    """Runs the command; returns the exit code: 1 if a run cannot be read or drawn, 2 if none can."""
    typed, runs, code = command_parser("compare").parse_args(arguments), [], 0
    for path in dict.fromkeys(typed.runs):
        try:
            runs.append(read_run(path))
        except (CheckpointError, OSError) as error:
            say(f"error: {one_line(path)} cannot be compared: {error}")
            code = 1
    if not runs:
        return 2
    print(table(runs), flush=True)
    if typed.picture is None:
        return code
    curves = [Curve(run.name, run.metrics, number(run.training.get("ngram_loss"))) for run in runs]
    drawable = [curve for curve in curves if curve.is_drawable]
    for curve in curves:
        if curve not in drawable:
            say(f"error: {curve.name!r} has fewer than two evaluations: there is no curve to draw")
            code = 1
    if not drawable:
        return 2
    atomic_write(expanded_path(typed.picture), draw(drawable))
    say(f"Drawn: {typed.picture}")
    return code


def read_run(path: str) -> Run:
    """Reads a run folder, a checkpoint folder, RUN/best or RUN/latest.

    Raises:
        CheckpointError, OSError: the path is none of these, or damaged.
    """
    folder = expanded_path(path).absolute()
    checkpoint = checkpoint_folder(folder)
    parsed = parse_config((checkpoint / CONFIG).read_bytes())
    metrics = read_metrics(folder if (folder / METRICS).exists() else checkpoint)
    name = folder.name if checkpoint.parent == folder else f"{folder.parent.name}/{folder.name}"
    return Run(one_line(name, _NAME), metrics, parsed.config.parameters, parsed.training)


def table(runs: Sequence[Run]) -> str:
    """Returns a row for each run and a legend. The lowest loss comes first, but the runs on one text are together.

    The best run on each text is marked with *. Runs without an evaluation are the last of their text.
    """
    texts: dict[tuple[object, object], list[Run]] = {}
    for run in sorted(runs, key=lambda run: float(run.best.get("val_loss", math.inf))):
        texts.setdefault((run.training.get("corpus"), run.training.get("corpus_characters")), []).append(run)
    rows = [list(_COLUMNS)]
    for ordered in texts.values():
        rows += [_cells(run, "*" if run is ordered[0] and run.best else " ") for run in ordered]
    first, *widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        " ".join([name.ljust(first), *(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))])
        for name, *cells in rows
    ]
    return "\n".join([*lines, _LEGEND])


def _cells(run: Run, mark: str) -> list[str]:
    """Returns the cells of `_COLUMNS`. Losses, steps and time are all those of the best evaluation."""
    last = run.metrics[-1] if run.metrics else {}
    return [
        f"{mark} {run.name}",
        one_line(run.training.get("preset") or "-", 7),
        _text(run.parameters, "{:,.2f}M", 1e6),
        _text(run.best.get("step"), "{:,.0f}"),
        _text(run.best.get("chars"), "{:,.1f}M", 1e6),
        _text(run.best.get("seconds"), "{:,.1f}", 60),
        _text(run.best.get("val_loss"), "{:.4f}"),
        _text(run.best.get("val_cold256"), "{:.4f}"),
        _text(run.best.get("val_bpc"), "{:.3f}"),
        _text(run.training.get("int8_cost"), "{:+.4f}"),
        _text(last.get("chars_per_sec"), "{:,.1f}k", 1e3),
    ]


def _text(value: object, style: str, unit: float = 1) -> str:
    """Returns a number of these units in a format such as "{:,.1f}"; "-" if the value is none."""
    known = number(value)
    return "-" if known is None else style.format(known / unit)
