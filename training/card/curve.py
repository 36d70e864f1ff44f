"""The curve of a run: as a picture of one or several runs, and as some blocks in a line of a terminal.

Drawn from lines of metrics.jsonl alone. Colours are told apart by everyone (Okabe and Ito 2008), and never the only
difference: what is carried is a whole line, cold256 dashed, training dotted. matplotlib is imported when a picture is
asked for.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

AXES = {"chars": ("characters seen, millions", 1e6), "seconds": ("minutes", 60.0)}
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
_MARKS = "os^Dv"  # where the colours begin again
_GREY = "#8c959f"
_STYLES = {
    "val_loss": ("validation, carried", "-", 2.2),
    "val_cold256": ("validation, cold256", (0, (5, 2)), 1.3),
    "train_loss": ("training, dropout on", (0, (1, 1.5)), 1.3),
}
_SETTLED = 0.04  # of the way: what lies above the losses from there on is cut off, so that the rest can be told apart
_BLOCKS, _ASCII = "▁▂▃▄▅▆▇█", "_.:-=+*#"
_COLUMNS = 24


@dataclass(frozen=True)
class Curve:
    """One run to draw.

    Attributes:
        name: as it is called beside its line.
        metrics: lines of metrics.jsonl, oldest first.
        baseline: the loss of an n-gram model on the same text, in nats, if it is known.
    """

    name: str
    metrics: Sequence[Mapping[str, Any]]
    baseline: float | None = None

    def points(self, field: str, x: str = "chars") -> list[tuple[float, float]]:
        """Where a field is known: characters or seconds, and the loss."""
        both = [(number(line.get(x)), number(line.get(field))) for line in self.metrics]
        return [(at, loss) for at, loss in both if at is not None and loss is not None and at > 0]

    @property
    def is_drawable(self) -> bool:
        """Whether there is a line: two points."""
        return len(self.points("val_loss")) > 1


def draw(curves: Sequence[Curve], *, x: str = "chars") -> bytes:
    """A PNG of 1,200 × 675: losses in nats and bits over what a run has read, or over its time; each best is ringed.

    Args:
        curves: at least one; each ``is_drawable``.
        x: a key of ``AXES``.

    Raises:
        ImportError: matplotlib is not installed.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    label, unit = AXES[x]
    figure = Figure(figsize=(8, 4.5), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for place, curve in enumerate(curves):
        _draw_run(axes, curve, place, len(curves) == 1, x, unit)
    _draw_baseline(axes, curves)
    axes.set_xlabel(label)
    _dress(axes, curves, x)
    if len(curves) > 1:
        for title, style, width in _STYLES.values():
            axes.plot([], [], color=_GREY, linestyle=style, linewidth=width, label=title)
    axes.legend(frameon=False, loc="upper right", fontsize=9)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a name in a script that the font lacks: boxes will do
        figure.savefig(buffer, format="png", dpi=150, metadata={"Software": None})
    return buffer.getvalue()


def _draw_run(axes: Any, curve: Curve, place: int, alone: bool, x: str, unit: float) -> None:
    own, mark = _COLOURS[place % len(_COLOURS)], _MARKS[place // len(_COLOURS) % len(_MARKS)]
    colours = (
        {"val_loss": own, "val_cold256": _COLOURS[1], "train_loss": _GREY} if alone else dict.fromkeys(_STYLES, own)
    )
    best_at, best = min(curve.points("val_loss", x), key=lambda point: point[1])
    for field, (title, style, width) in _STYLES.items():
        points = [(at / unit, loss) for at, loss in curve.points(field, x)]
        if not points:
            continue
        is_main = field == "val_loss"
        name = title if alone else f"{_plain(curve.name)}: best {best:.4f}" if is_main else None
        axes.plot(
            *zip(*points, strict=True),
            color=colours[field],
            linestyle=style,
            linewidth=width,
            marker=mark if is_main else None,
            markersize=3.5,
            label=name,
            zorder=2.5 if is_main else 2,
        )
    axes.scatter([best_at / unit], [best], s=90, facecolors="none", edgecolors=own, linewidths=1.8, zorder=3)
    if alone:
        axes.annotate(
            f"best {best:.3f} nats\n{best / math.log(2):.3f} bits",
            (best_at / unit, best),
            xytext=(-10, 14),
            textcoords="offset points",
            ha="right",
            color=own,
            fontsize=9,
        )


def _draw_baseline(axes: Any, curves: Sequence[Curve]) -> None:
    """One line, where all runs that know of one know the same."""
    known = {round(curve.baseline, 4) for curve in curves if curve.baseline is not None}
    if len(known) == 1:
        (loss,) = known
        axes.axhline(loss, color="#57606a", linewidth=1, linestyle="-.", label=f"n-gram of order 5: {loss:.3f}")


def _dress(axes: Any, curves: Sequence[Curve], x: str) -> None:
    axes.set_ylabel("loss, nats a character")
    axes.set_xlim(left=0)
    axes.set_ylim(top=_top(curves, x))
    axes.grid(True, color="#e6e8eb", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    bits = axes.secondary_yaxis("right", functions=(lambda nats: nats / math.log(2), lambda b: b * math.log(2)))
    bits.set_ylabel("bits a character")
    bits.spines["right"].set_visible(False)


def _top(curves: Sequence[Curve], x: str) -> float:
    """Where the picture ends above."""
    settled = [curve.baseline for curve in curves if curve.baseline is not None]
    for curve in curves:
        for field in _STYLES:
            points = curve.points(field, x)
            settled += [loss for at, loss in points if at >= _SETTLED * points[-1][0]]
    return 1.04 * max(settled)


def _plain(name: str) -> str:
    """A name as a label: no formula, and not hidden as one that begins with _ would be."""
    return " " + name.replace("$", r"\$") if name.startswith("_") else name.replace("$", r"\$")


# in a terminal


def sparkline(losses: Sequence[float], encoding: str | None = "utf-8") -> str:
    """The way of a loss as a few blocks, or as marks of ASCII where the terminal knows no blocks; "" for fewer than 3.

    Heights are square roots, so that the small differences of the end are seen beside the large ones of the beginning.

    Args:
        losses: oldest first; of many, 24 are shown, evenly spread, the last one among them.
        encoding: of where it is to be shown.
    """
    finite = [loss for loss in losses if math.isfinite(loss)]
    if len(finite) < 3:
        return ""
    count = min(_COLUMNS, len(finite))
    shown = [finite[round(i * (len(finite) - 1) / (count - 1))] for i in range(count)]
    least, span = min(shown), max(shown) - min(shown) or 1.0
    try:
        _BLOCKS.encode(encoding or "ascii")
        marks = _BLOCKS
    except (UnicodeError, LookupError):
        marks = _ASCII
    return "".join(marks[round(math.sqrt((loss - least) / span) * (len(marks) - 1))] for loss in shown)


def number(value: object) -> float | None:
    """A noted value as a finite number, or None."""
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if known and math.isfinite(value) else None  # type: ignore[arg-type]
