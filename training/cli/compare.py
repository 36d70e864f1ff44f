"""Reads runs to compare them, in a table and a picture: `python -m training compare RUN… --picture FILE`.

It reads metrics.jsonl and config.json but no weights, so it is quick, and the runs may still be training.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from model.checkpoint.format import CheckpointError, parse_config
from model.checkpoint.names import CONFIG, METRICS
from model.checkpoint.pointer import BEST, LATEST, pointed_checkpoint
from model.checkpoint.record import TrainingRecord
from model.terminal import one_line

from ..card.curve import Curve, draw, number
from ..corpus.sources import expanded_path
from ..errors import RunError
from ..run.snapshot import read_metrics

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
        """Returns the evaluation with the lowest validation loss; {} before the first."""
        evaluated = [line for line in self.metrics if number(line.get("val_loss")) is not None]
        return min(evaluated, key=lambda line: float(line["val_loss"]), default={})

    @property
    def loss(self) -> float:
        """Returns the lowest validation loss in nats per character; infinite before the first evaluation."""
        return float(self.best.get("val_loss", math.inf))

    @property
    def text(self) -> str:
        """Returns what identifies the text of the run: its name and length."""
        return f"{self.training.get('corpus')} {self.training.get('corpus_characters')}"

    @property
    def curve(self) -> Curve:
        """Returns what a picture shows of the run."""
        return Curve(self.name, self.metrics, number(self.training.get("ngram_loss")))


def read_run(path: str) -> Run:
    """Reads a run folder, a checkpoint folder, RUN/best or RUN/latest.

    Raises:
        RunError: the path is none of these, or damaged; the message is one line.
    """
    shown = one_line(path)
    folder = expanded_path(path)
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


def read_runs(paths: Sequence[str], report: Callable[[str], None]) -> list[Run]:
    """Returns the runs that can be read, each once; calls `report` with the error of each other path."""
    runs = []
    for path in dict.fromkeys(paths):
        try:
            runs.append(read_run(path))
        except RunError as error:
            report(f"error: {error}")
    return runs


def picture(runs: Sequence[Run], report: Callable[[str], None]) -> bytes:
    """Returns the losses of runs as a PNG, see `draw`; calls `report` with an error for each run that has no curve.

    Returns:
        the picture; b"" if there is none.
    """
    for run in runs:
        if not run.curve.is_drawable:
            report(f"error: {run.name!r} has fewer than two evaluations: there is no curve to draw")
    curves = [run.curve for run in runs if run.curve.is_drawable]
    try:
        return draw(curves) if curves else b""
    except ImportError:
        report("error: a picture needs matplotlib: pip install 'matplotlib>=3.8,<4'")
        return b""


def table(runs: Sequence[Run]) -> str:
    """Returns a row for each run and a legend. The lowest loss comes first, but the runs on one text are together.

    The best of several runs on one text is marked with *. Runs without an evaluation are the last of their text.
    """
    texts: dict[str, list[Run]] = {}
    for run in sorted(runs, key=lambda run: run.loss):
        texts.setdefault(run.text, []).append(run)
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
    best, preset = run.best, run.training.get("preset")
    seconds, cost = number(best.get("seconds")), number(run.training.get("int8_cost"))
    return [
        one_line(preset, 7) if preset else "-",
        _short(run.parameters),
        _text(number(best.get("step")), ",.0f"),
        _short(number(best.get("chars"))),
        _text(seconds and seconds / 60, ",.1f"),
        _text(number(best.get("val_loss")), ".4f"),
        _text(number(best.get("val_cold256")), ".4f"),
        _text(number(best.get("val_bpc")), ".3f"),
        _text(cost and round(cost, 4) + 0.0, "+.4f"),  # + 0.0: a cost of -0.00001 is 0, not -0
        _short(number(run.metrics[-1].get("chars_per_sec")) if run.metrics else None),
    ]


def _text(value: float | None, style: str) -> str:
    """Returns a number in a format such as ",.1f"; "-" for None."""
    return "-" if value is None else format(value, style)


def _short(value: float | None) -> str:
    """Returns a number such as 950, 28k, 3.32M or 12.3G; "-" for None."""
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value is not None and value >= 0.9995 * unit:
            share = value / unit
            return f"{share:.{2 if share < 9.995 else 1 if share < 99.95 else 0}f}{name}"
    return _text(value, ".0f")
