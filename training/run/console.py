"""Prints the output of a run to standard error: lines, samples and a progress bar.

A closed terminal or pipe never stops a run. Losses are printed with four digits, bits with three, speeds in thousands
of characters per second.
"""

from __future__ import annotations

import contextlib
import math
import shutil
import sys
import textwrap
from collections.abc import Callable, Sequence
from time import monotonic

from tqdm import tqdm

from model.terminal import duration_text, quote_command, terminal_text

from ..learner.evaluation import bits

_LINE_EVERY_S = 10.0  # between two progress lines, or two samples, when standard error is no terminal
_THROTTLE_S = 5.0  # between two lines about other long work
_SAMPLE_LINES = 4
_MARGIN = "  │ "


def say(line: str) -> None:
    """Prints a line, above the progress bar if there is one; may be called from any thread."""
    with contextlib.suppress(OSError, ValueError):  # the terminal was closed
        tqdm.write(terminal_text(line), file=sys.stderr)  # the line may quote a stranger's file or the Hub
        sys.stderr.flush()


def warn(line: str) -> None:
    """Prints a line that begins with `warning: `."""
    say(f"warning: {line}")


def say_command(title: str, words: Sequence[str]) -> None:
    """Prints a title, and below it a command to copy: its words, quoted for a shell."""
    say(f"{title}\n  {quote_command(words)}")


def throttled() -> Callable[[str], None]:
    """Returns a function that prints at most one line every 5 seconds, and none in the first 5."""
    last = monotonic()

    def say_sometimes(line: str) -> None:
        nonlocal last
        if monotonic() - last > _THROTTLE_S:
            last = monotonic()
            say(line)

    return say_sometimes


def loss_text(nats: float) -> str:
    """Returns a loss in nats and in bits, such as `1.5000 nats, 2.164 bits per character`."""
    if nats >= 1000:  # the run is about to diverge
        return f"{nats:.1e} nats per character"
    nats = round(nats, 4) + 0.0  # -0.00001 is 0, not -0
    return f"{nats:.4f} nats, {bits(nats):.3f} bits per character"


def speed_text(chars_per_sec: float) -> str:
    """Returns a speed such as `82.2k chars/s`."""
    return f"{chars_per_sec / 1000:,.1f}k chars/s"


def sample_text(text: str, width: int | None = None) -> str:
    """Returns the first lines of a generated text, with a margin.

    Blank lines and the last word, which may be incomplete, are left out; control characters become visible symbols.
    """
    width = max(20, (width or shutil.get_terminal_size().columns) - len(_MARGIN) - 1)
    whole = text.rpartition(" ")[0] if " " in text.strip() else text
    lines = terminal_text(whole).expandtabs(4).split("\n")
    rows = [row for line in lines for row in textwrap.wrap(line, width, break_on_hyphens=False)]
    return "\n".join(_MARGIN + row for row in rows[:_SAMPLE_LINES] or ["(only spaces and line breaks)"])


class Progress:
    """A progress bar on a terminal; elsewhere a line every 10 seconds.

    Args:
        planned: the progress at the end of the run, in planned steps.
        is_timed: whether the clock sets the progress, so that the number of steps is not known before the end.
    """

    def __init__(self, planned: int, progress: float, *, is_timed: bool) -> None:
        self._planned, self._is_timed, self._is_done = planned, is_timed, False
        self.loss = math.nan  # the training loss of the last steps, smoothed
        self._last_line = self._last_sample = -math.inf
        self._bar = tqdm(
            total=planned,
            initial=progress,
            dynamic_ncols=True,
            disable=None,  # if standard error is no terminal
            delay=0.1,  # writes nothing here, where the terminal may be gone
            leave=False,
            bar_format="{percentage:3.0f}% {bar} {desc}",
        )

    def advance(self, loss: float, progress: float, step: int, chars_per_sec: float, left_s: float) -> None:
        """Shows a step: its training loss in nats per character, the progress after it in planned steps, its number."""
        self._is_done = progress >= self._planned
        self.loss = loss if math.isnan(self.loss) else 0.95 * self.loss + 0.05 * loss
        text = f"loss {self.loss:.3f}, {speed_text(chars_per_sec)}, {duration_text(left_s)} left"
        done = f"step {step:,}" if self._is_timed else f"step {step:,} of {self._planned:,}"
        with contextlib.suppress(OSError, ValueError):
            if not self._bar.disable:
                self._bar.set_description_str(f"{done}: {text}", refresh=False)
                self._bar.update(progress - self._bar.n)
                return
        if monotonic() - self._last_line > _LINE_EVERY_S:
            self._last_line = monotonic()
            say(f"{done}{f' ({progress / self._planned:.0%})' if self._is_timed else ''}: {text}")

    def print_sample(self, text: str | None, title: str = "") -> None:
        """Prints a sample under its title; without a terminal at most every 10 seconds, but always the last sample."""
        if text is None or (
            self._bar.disable and not self._is_done and monotonic() - self._last_sample < _LINE_EVERY_S
        ):
            return
        self._last_sample = monotonic()
        say("\n".join(filter(None, [title, sample_text(text)])) + ("" if self._bar.disable else "\n"))

    def close(self) -> None:
        """Removes the bar."""
        with contextlib.suppress(OSError, ValueError):
            self._bar.close()
