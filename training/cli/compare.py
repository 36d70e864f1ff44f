"""Reads runs to compare them, in a table and a picture: `python -m training compare RUN… --picture FILE`.

It reads metrics.jsonl and config.json but no weights, so it is quick, and the runs may still be training.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from model.checkpoint.format import CheckpointError, parse_config
from model.checkpoint.names import CONFIG, METRICS
from model.checkpoint.pointer import BEST, LATEST, pointed_checkpoint
from model.checkpoint.record import TrainingRecord
from model.files import atomic_write
from model.terminal import one_line

from ..card.curve import Curve, draw, number
from ..corpus.sources import expanded_path
from ..errors import RunError
from ..run.console import say
from ..run.snapshot import read_metrics
from .parser import command_parser

_WIDTH = 100  # characters of a row, at most
_COLUMNS = ("preset", "params", "steps", "chars", "minutes", "loss", "reset256", "bpc", "int8", "chars/s")
_LEGEND = """\
loss: nats per character on held-out text, lower is better; reset256: with the state reset every 256
characters; bpc: the loss in bits per character; int8: what int8 inference adds to the loss"""
_TEXTS = "*: the best run on its text; losses on texts of different names or lengths cannot be compared"


@dataclass(frozen=True)
class Run:
    """A run folder, or a checkpoint folder.

    Attributes:
        name: the folder's name; RUN/CHECKPOINT for a checkpoint folder.
        metrics: the lines of metrics.jsonl, oldest first.
        parameters: the number of weights.
        training: `training` of config.json of the best checkpoint.
    """

    name: str
    metrics: Sequence[Mapping[str, Any]]
    parameters: int
    training: TrainingRecord

    @property
    def best(self) -> Mapping[str, Any]:
        """The evaluation with the lowest validation loss; {} before the first."""
        evaluated = [line for line in self.metrics if number(line.get("val_loss")) is not None]
        return min(evaluated, key=lambda line: float(line["val_loss"]), default={})

    @property
    def curve(self) -> Curve:
        """What a picture shows of the run."""
        return Curve(self.name, self.metrics, number(self.training.get("ngram_loss")))


def compare(arguments: Sequence[str]) -> int:
    """Runs the command; returns the exit code: 1 if a run cannot be read or drawn, 2 if none can."""
    typed, runs, code = command_parser("compare").parse_args(arguments), [], 0
    for path in dict.fromkeys(typed.runs):
        try:
            runs.append(read_run(path))
        except RunError as error:
            say(f"error: {error}")
            code = 1
    if not runs:
        return 2
    print(table(runs), flush=True)
    return max(code, _draw(runs, typed.picture)) if typed.picture else code


def _draw(runs: Sequence[Run], path: str) -> int:
    """Draws the losses of runs into a PNG file, see `draw`; returns the exit code."""
    curves = [run.curve for run in runs if run.curve.is_drawable]
    for run in runs:
        if not run.curve.is_drawable:
            say(f"error: {run.name!r} has fewer than two evaluations: there is no curve to draw")
    if not curves:
        return 2
    atomic_write(expanded_path(path), draw(curves))
    say(f"Drawn: {path}")
    return 0 if len(curves) == len(runs) else 1


def read_run(path: str) -> Run:
    """Reads a run folder, a checkpoint folder, RUN/best or RUN/latest.

    Raises:
        RunError: the path is none of these, or damaged; the message is one line.
    """
    shown, folder = one_line(path), expanded_path(path)
    typed = folder.absolute()
    if folder.name in (BEST, LATEST):
        folder = pointed_checkpoint(folder) or folder
    if not folder.is_dir():
        raise RunError(f"there is no run folder {shown!r}")
    is_checkpoint = (folder / CONFIG).exists()
    checkpoint = folder if is_checkpoint else pointed_checkpoint(folder / BEST) or pointed_checkpoint(folder / LATEST)
    if checkpoint is None:
        raise RunError(f"{shown!r} is no run: it has neither checkpoints nor a {CONFIG}")
    try:
        parsed = parse_config((checkpoint / CONFIG).read_bytes())
        metrics = read_metrics(folder if (folder / METRICS).exists() else checkpoint)
    except OSError as error:
        raise RunError(f"{shown!r} cannot be read: {error.strerror}") from error
    except CheckpointError as error:
        raise RunError(f"{shown!r} is damaged: {error}") from error
    name = f"{typed.parent.name}/{typed.name}" if is_checkpoint else typed.name
    return Run(one_line(name), metrics, parsed.config.parameters, parsed.training)


def table(runs: Sequence[Run]) -> str:
    """Returns a row for each run and a legend. The lowest loss comes first, but the runs on one text are together.

    The best of several runs on one text is marked with *. Runs without an evaluation are the last of their text.
    """
    texts: dict[tuple[object, object], list[Run]] = {}
    for run in sorted(runs, key=lambda run: float(run.best.get("val_loss", math.inf))):
        texts.setdefault((run.training.get("corpus"), run.training.get("corpus_characters")), []).append(run)
    rows = [["  run", *_COLUMNS]]
    for ordered in texts.values():
        for run in ordered:
            is_best = run is ordered[0] and len(ordered) > 1 and run.best
            rows.append([f"{'*' if is_best else ' '} {run.name}", *_cells(run)])
    first, *others = [max(map(len, column)) for column in zip(*rows, strict=True)]
    first = min(first, _WIDTH - sum(others) - len(others))
    lines = []
    for name, *cells in rows:
        shown = name if len(name) <= first else name[:2] + "…" + name[3 - first :]
        aligned = [cell.rjust(width) for cell, width in zip(cells, others, strict=True)]
        lines.append(" ".join([shown.ljust(first), *aligned]).rstrip())
    return "\n".join([*lines, _LEGEND, *([_TEXTS] if len(texts) > 1 else [])])


def _cells(run: Run) -> list[str]:
    """Returns the cells of `_COLUMNS`. Losses, steps and time are all those of the best evaluation."""
    last = run.metrics[-1] if run.metrics else {}
    seconds, cost = number(run.best.get("seconds")), number(run.training.get("int8_cost"))
    return [
        one_line(run.training.get("preset") or "-", 7),
        _short(run.parameters),
        _text(run.best.get("step"), ",.0f"),
        _short(run.best.get("chars")),
        _text(seconds and seconds / 60, ",.1f"),
        _text(run.best.get("val_loss"), ".4f"),
        _text(run.best.get("val_cold256"), ".4f"),
        _text(run.best.get("val_bpc"), ".3f"),
        _text(cost and round(cost, 4) + 0.0, "+.4f"),  # + 0.0: a cost of -0.00001 is 0, not -0
        _short(last.get("chars_per_sec")),
    ]


def _text(value: object, style: str) -> str:
    """Returns a number in a format such as ",.1f"; "-" if the value is none."""
    known = number(value)
    return "-" if known is None else format(known, style)


def _short(value: object) -> str:
    """Returns a number such as 950, 28k, 3.32M or 12.3G; "-" if the value is none."""
    known = number(value) or 0.0
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if known >= 0.9995 * unit:
            share = known / unit
            return f"{share:.{2 if share < 9.995 else 1 if share < 99.95 else 0}f}{name}"
    return _text(value, ".0f")
