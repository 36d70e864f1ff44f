"""The table of a sweep: a row for each run when it has ended, and at the end one for each combination."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from ...card.curve import number
from ..commands.compare import WIDTH, Run, aligned, format_number, short_number

_HEAD = ("runs", "best", "last", "chars", "minutes")
_WIDTHS = (4, 8, 8, 6, 7)
CURVES = 7  # as many as there are colours


@dataclass(frozen=True)
class Combination:
    """One combination of settings.

    Attributes:
        name: the settings as text.
        runs: its runs that have been evaluated, one for each seed.
    """

    name: str
    runs: Sequence[Run]

    @property
    def loss(self) -> float:
        """The median of its runs' best held-out losses, in nats per character; infinite without runs."""
        return median(_losses(run)[0] for run in self.runs) if self.runs else math.inf

    @property
    def typical(self) -> Run:
        """The run whose best loss is nearest to the median; there must be one."""
        return min(self.runs, key=lambda run: abs(_losses(run)[0] - self.loss))


class Table:
    """Rows of fixed widths, so that they can be printed one after another.

    The losses are the best and the last held-out loss. Characters and minutes are those of the whole run.

    Args:
        names: the names of all rows.
    """

    def __init__(self, names: Sequence[str]) -> None:
        first = max(len("settings"), *map(len, names)) + 2  # with the mark of the best
        self._widths = (min(first, WIDTH - sum(_WIDTHS) - len(_WIDTHS)), *_WIDTHS)

    @property
    def head(self) -> str:
        """The names of the columns."""
        return aligned(("  settings", *_HEAD), self._widths)

    def row(self, name: str, runs: Sequence[Run], mark: str = " ") -> str:
        """Returns the row of one run, or the medians of several; dashes without any."""
        columns: list[float | None] = [None] * 4
        if runs:
            columns = [median(values) for values in zip(*map(_figures, runs), strict=True)]
        best, last, characters, minutes = columns
        cells = (
            str(len(runs)),
            format_number(best, ".4f"),
            format_number(last, ".4f"),
            short_number(characters),
            format_number(minutes, ",.1f"),
        )
        return aligned((f"{mark} {name}", *cells), self._widths)

    def ranking(self, combinations: Sequence[Combination]) -> str:
        """Returns a row for each combination: the lowest loss first, marked with *; those without runs last."""
        ordered = sorted(combinations, key=lambda each: each.loss)
        rows = [
            self.row(each.name, each.runs, "*" if each is ordered[0] and each.runs and len(ordered) > 1 else " ")
            for each in ordered
        ]
        return "\n".join([self.head, *rows])


def _losses(run: Run) -> tuple[float, float]:
    return float(run.best["val_loss"]), float(run.metrics[-1]["val_loss"])


def _figures(run: Run) -> tuple[float, float, float, float]:
    """Returns the best and the last loss, the characters read, and the minutes."""
    last = run.metrics[-1]
    return *_losses(run), number(last.get("chars")) or 0.0, (number(last.get("seconds")) or 0.0) / 60
