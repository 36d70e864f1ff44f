"""What a person sees of a run, on standard error: lines, samples and a bar.

A terminal that is gone, or a closed pipe, never stops a run. Numbers are written in one style: losses with four
digits, bits with three, speeds in thousands of characters a second.
"""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import sys
from collections.abc import Callable
from time import monotonic

from tqdm import tqdm

from model.terminal import terminal_text

_QUIET_S = 10.0  # between two lines where there is no terminal to draw a bar on
_PATIENCE_S = 5.0  # between two lines of other long work
_NARROWEST = 20  # columns, for a bar
_SAMPLE_LINES = 4
_MARGIN = "  │ "


def say(line: str) -> None:
    """A line, above the bar if there is one. Safe from any thread."""
    with contextlib.suppress(OSError, ValueError):  # the terminal is gone: the run is not
        tqdm.write(line, file=sys.stderr)
        sys.stderr.flush()


def now_and_then() -> Callable[[str], None]:
    """What says some of the lines that it is given: nothing of what is quick, and one every few seconds of the rest."""
    said = monotonic()

    def tell(line: str) -> None:
        nonlocal said
        if monotonic() - said > _PATIENCE_S:
            said = monotonic()
            say(line)

    return tell


def warn(line: str) -> None:
    """Something that the person should know and may want to change."""
    say(f"warning: {line}")


def losses(nats: float) -> str:
    """A loss as people compare it: in nats and in bits."""
    if nats >= 1000:  # a run that is about to burst
        return f"{nats:.1e} nats a character"
    return f"{nats:.4f} nats, {bits(nats):.3f} bits a character"


def bits(nats: float) -> float:
    return nats / math.log(2)


def speed(chars_per_sec: float) -> str:
    return f"{chars_per_sec / 1000:,.1f}k chars/s"


def duration(seconds: float) -> str:
    """Such as ``40 s``, ``5.2 minutes`` or ``3.1 hours``."""
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} minutes" if seconds < 100 * 60 else f"{seconds / 3600:.1f} hours"


def sample(text: str, width: int | None = None) -> str:
    """Some lines of what a model wrote, set apart by a margin.

    Blank lines and the last word, which was cut off, are left out; what a terminal would obey is shown as pictures.
    """
    width = max(20, (width or shutil.get_terminal_size().columns) - len(_MARGIN) - 1)
    whole = text.rpartition(" ")[0] if " " in text.strip() else text
    rows = [
        row
        for line in terminal_text(whole).expandtabs(4).split("\n")
        if line.strip()
        for row in _wrapped(line.rstrip(), width)
    ]
    return "\n".join(_MARGIN + row for row in rows[:_SAMPLE_LINES] or ["(nothing but white space, so far)"])


def _terminal_width() -> int:
    """Of standard error; 0 when it is no terminal, or one that does not know its size."""
    try:
        columns, lines = os.get_terminal_size(sys.stderr.fileno())
    except (OSError, ValueError, AttributeError):
        return 0
    return columns if lines > 1 else 0


def _wrapped(line: str, width: int) -> list[str]:
    rows = []
    while len(line) > width:
        cut = line.rfind(" ", 0, width + 1)
        cut = cut if cut > width // 2 else width
        rows.append(line[:cut])
        line = line[cut:].lstrip()
    return [*rows, line]


class Progress:
    """A bar on a terminal; a line now and then anywhere else.

    Args:
        steps: of the whole run.
        done: of them before this process.
        characters: a step.

    Attributes:
        loss: of the last steps, smoothed; NaN before the first.
    """

    def __init__(self, steps: int, done: int, characters: int) -> None:
        self._steps, self._first, self._done = steps, done, done
        self._characters = characters
        self.loss = math.nan
        self._start = monotonic()
        self._idle = 0.0
        self._spoken = -math.inf
        self._bar = tqdm(
            total=steps,
            initial=done,
            dynamic_ncols=True,
            smoothing=0.05,
            disable=_terminal_width() < _NARROWEST,
            leave=False,
            bar_format="{percentage:3.0f}% {bar} {n_fmt}/{total_fmt} steps, {remaining} left{postfix}",
        )

    @property
    def chars_per_sec(self) -> float:
        """Characters trained on a second, evaluations and checkpoints left out; 0 before the first step."""
        seconds = monotonic() - self._start - self._idle
        return (self._done - self._first) * self._characters / seconds if seconds > 0 else 0.0

    def advance(self, loss: float) -> None:
        """One more step was taken, with this loss."""
        self._done += 1
        self.loss = loss if math.isnan(self.loss) else 0.95 * self.loss + 0.05 * loss
        with contextlib.suppress(OSError, ValueError):
            if not self._bar.disable:
                self._bar.set_postfix_str(self._text(), refresh=False)
                self._bar.update()
                return
        if monotonic() - self._spoken > _QUIET_S:
            self._spoken = monotonic()
            left = (self._steps - self._done) * self._characters / max(self.chars_per_sec, 1e-9)
            say(f"step {self._done:,} of {self._steps:,}: {self._text()}, {duration(left)} left")

    def pause(self, seconds: float) -> None:
        """Seconds that were not spent on training."""
        self._idle += seconds

    def close(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._bar.close()

    def _text(self) -> str:
        return f"loss {self.loss:.3f}, {bits(self.loss):.2f} bpc, {speed(self.chars_per_sec)}"
