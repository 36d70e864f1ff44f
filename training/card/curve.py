"""Draws loss curves: a picture of one or several runs, and a line of block characters for a terminal.

Only the lines of metrics.jsonl are read. Colour-blind people can distinguish the colours (Okabe and Ito 2008), and the
line styles differ, too: held-out loss with the state carried is solid, with the state reset every 256 characters
dashed, training loss dotted. matplotlib is imported only to draw a picture.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..learner.evaluation import bits

_MILLION = 1e6
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
_MARKS = "os^Dv"  # markers: the colours are repeated with the next marker
_GREY = "#8c959f"
_STYLES = {  # of each loss: its name, line style and width, and its colour if only one run is drawn
    "val_loss": ("held-out, state carried over", "-", 2.2, _COLOURS[0]),
    "val_cold256": ("held-out, state reset every 256 characters", (0, (5, 2)), 1.3, _COLOURS[1]),
    "train_loss": ("training, with dropout", (0, (1, 1.5)), 1.3, _GREY),
}
_SETTLED = 0.04  # of a run: the axis is cut above the losses after this part, so that later differences are visible
_BLOCKS = "▁▂▃▄▅▆▇█"
_COLUMNS = 24


@dataclass(frozen=True)
class Curve:
    """One run to draw."""

    name: str  # the label of its line
    metrics: Sequence[Mapping[str, Any]]  # lines of metrics.jsonl, oldest first
    baseline: float | None = None  # loss of the 5-gram counter on the same text, in nats per character, if known

    def points(self, field: str) -> list[tuple[float, float]]:
        """Returns (characters seen, loss) for each line that has both."""
        both = [(number(line.get("chars")), number(line.get(field))) for line in self.metrics]
        return [(at, loss) for at, loss in both if at is not None and loss is not None and at > 0]

    @property
    def is_drawable(self) -> bool:
        """Whether there are the two points that a line needs."""
        return len(self.points("val_loss")) > 1


def draw(curves: Sequence[Curve]) -> bytes:
    """Returns a PNG of 1,200 × 675 pixels: losses in nats and bits over characters, with each best ringed.

    Each of at least one curve must be `is_drawable`.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained", facecolor="white")
    axes: Any = figure.add_subplot(
        xlabel="characters seen, millions", ylabel="loss, nats per character (lower is better)"
    )
    alone = len(curves) == 1
    baselines = {round(curve.baseline, 4) for curve in curves if curve.baseline is not None}
    shown, settled = [*baselines], [*baselines]  # all losses, and those that limit the axis above
    for place, curve in enumerate(curves):
        colour, mark = _COLOURS[place % len(_COLOURS)], _MARKS[place // len(_COLOURS) % len(_MARKS)]
        best_at, best = min(curve.points("val_loss"), key=lambda point: point[1])
        # matplotlib would read $…$ as a formula and hide a name that begins with _.
        labels = {"val_loss": " {}: best {:.4f}".format(curve.name.replace("$", r"\$"), best)}
        for field, (title, style, width, own) in _STYLES.items():
            if points := curve.points(field):
                shown += [loss for _, loss in points]
                settled += [loss for at, loss in points if at >= _SETTLED * points[-1][0]]
                axes.plot(
                    [at / _MILLION for at, _ in points],
                    [loss for _, loss in points],
                    color=own if alone else colour,
                    linestyle=style,
                    linewidth=width,
                    marker=mark if field == "val_loss" else None,
                    markersize=3.5,
                    label=title if alone else labels.get(field),
                )
        axes.scatter([best_at / _MILLION], [best], s=90, facecolors="none", edgecolors=colour, linewidths=1.8, zorder=3)
    if alone:
        text, at = f"best {best:.3f} nats", (best_at / _MILLION, best)
        axes.annotate(text, at, (-10, 14), textcoords="offset points", ha="right", color=_COLOURS[0], fontsize=9)
    else:
        for title, style, width, _ in _STYLES.values():
            axes.plot([], [], color=_GREY, linestyle=style, linewidth=width, label=title)
    if len(baselines) == 1:  # otherwise the runs are on different texts
        (loss,) = baselines
        axes.axhline(loss, color="#57606a", linewidth=1, linestyle="-.", label=f"5-gram counter: {loss:.3f}")
    axes.set_xlim(left=0)
    axes.set_ylim(min(shown) - 0.05 * (max(settled) - min(shown)), 1.04 * (max(settled) or 1))  # 0: one character alone
    axes.grid(visible=True, color="#e6e8eb", linewidth=0.8)
    axes.set_axisbelow(True)
    right = axes.secondary_yaxis("right", functions=(bits, lambda value: value * math.log(2)))
    right.set_ylabel("bits per character")
    axes.spines[["top", "right"]].set_visible(False)
    right.spines["right"].set_visible(False)
    axes.legend(loc="upper right", fontsize=9, framealpha=1, edgecolor="none")  # readable over the baseline
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a name in a script that the font lacks is drawn as boxes
        figure.savefig(buffer, format="png", dpi=150, metadata={"Software": None})
    return buffer.getvalue()


def sparkline(losses: Sequence[float]) -> str:
    """Returns losses as a line of block characters; "" for fewer than 3.

    Heights are square roots, so that the small differences at the end are visible beside the large ones before them. Of
    more than 24 losses, 24 evenly spaced ones are shown, the first and the last included.
    """
    finite = [loss for loss in losses if math.isfinite(loss)]
    if len(finite) < 3:
        return ""
    count = min(_COLUMNS, len(finite))
    shown = [finite[round(i * (len(finite) - 1) / (count - 1))] for i in range(count)]
    least, span = min(shown), max(shown) - min(shown) or 1.0
    return "".join(_BLOCKS[round(math.sqrt((loss - least) / span) * (len(_BLOCKS) - 1))] for loss in shown)


def number(value: object) -> float | None:
    """Returns a value of a JSON file as a float if it is a finite number, else None."""
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if known and math.isfinite(value) else None  # type: ignore[arg-type]
