"""What a command line needs of its terminal: text that cannot disturb it, lines and tables, Ctrl-C in good order.

Knows no model.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TextIO


@contextlib.contextmanager
def ctrl_c(end: Callable[[], None]) -> Iterator[None]:
    """Lets Ctrl-C end the work in good order instead of between any two instructions; the second one is at once."""

    def handle(_signal: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, before)
        end()

    before = signal.getsignal(signal.SIGINT)
    ours = before is signal.default_int_handler and threading.current_thread() is threading.main_thread()
    if not ours:  # ignored, as in a background job, or somebody else's
        yield
        return
    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def visible(text: str) -> str:
    """Control characters as pictures: a model may have learned escape sequences, which a terminal would obey."""
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", lambda found: _picture(ord(found[0])), text)


def _picture(code: int) -> str:
    return chr(0x2400 + code) if code < 0x20 else "\u2421" if code == 0x7F else f"<{code:02X}>"


def size(count: int) -> str:
    amount, unit = (count / 1e6, "MB") if count >= 1_000_000 else (count / 1e3, "kB")
    return f"{count} bytes" if count < 1000 else f"{amount:.1f} {unit}"


def table(lines: dict[str, str], out: TextIO) -> None:
    width = max(len(name) for name in lines) + 2
    for name, line in lines.items():
        out.write(f"{name:<{width}}{line}\n")


def say(line: str) -> None:
    """A line about the work, to standard error, after what is already written."""
    sys.stdout.flush()
    print(line, file=sys.stderr, flush=True)


def forget_stdout() -> None:
    # The reader went away; Python would complain once more when it flushes at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
