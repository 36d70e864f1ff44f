"""Ctrl-C, SIGTERM and a closed terminal: what each means, from the first import to the last push.

Before the first step there is nothing to lose: the first signal ends the program. While training goes on it is
noted, so that the run can save first; Ctrl-C once more then leaves at once. Knows nothing of training.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from time import monotonic
from types import FrameType, TracebackType
from typing import Literal

from .system import STOP_SIGNALS

# A terminal sends Ctrl-C to a whole group, and some wrappers pass it on once more: nobody means twice by it.
_SAME_S = 0.15

Mode = Literal["leave", "raise", "note", "silent"]


class Signals:
    """Handles signals for as long as it is entered; does nothing outside the main thread, where Python forbids it.

    Attributes:
        number: of the first signal that came; 0 when none did.
        mode: what the next signal does. "leave" ends the process at once, for the time in which nothing exists that
            could be left half done. "raise" raises KeyboardInterrupt. "note" sets ``number``, and a second Ctrl-C
            ends the process at once. "silent" sets ``number`` and says nothing: another process will act on it.
    """

    def __init__(self) -> None:
        self.number = 0
        self.mode: Mode = "leave"
        self._came = 0.0
        self._before: dict[int, object] = {}

    @property
    def exit_code(self) -> int:
        """What a shell reports for a program that the signal ended: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + (self.number or signal.SIGINT)

    def forget(self, mode: Mode) -> None:
        """Begins anew, as if none had come: what the last one asked for is done."""
        self.number, self.mode = 0, mode

    def receive(self, number: int) -> None:
        """Handles the signal, if any (0), that another process of the run got, as if this one had got it."""
        if number and not self.number:
            self._handle(number, None)

    def __enter__(self) -> Signals:
        if threading.current_thread() is threading.main_thread():
            for number in STOP_SIGNALS:
                before = signal.getsignal(number)
                # Whoever typed nohup wants the run to outlive the terminal.
                if not (before is signal.SIG_IGN and number not in (signal.SIGINT, signal.SIGTERM)):
                    self._before[number] = before
                    signal.signal(number, self._handle)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)  # type: ignore[arg-type]  # what getsignal gave

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        now = monotonic()
        if self.mode == "silent":
            self.number = self.number or number
            return
        if self.number:
            if number == signal.SIGINT and now - self._came > _SAME_S:
                self._say("\nleaving at once: what came after the last checkpoint is lost\n")
                os._exit(128 + number)
            return
        self.number, self._came = number, now
        if self.mode == "leave":
            self._say("\nstopped before the first step: nothing was written\n")
            os._exit(128 + number)
        if self.mode == "raise":
            raise KeyboardInterrupt
        name = STOP_SIGNALS[number]
        self._say(f"\n{name}: saving after this step (Ctrl-C once more leaves at once, without saving)\n")

    def _say(self, text: str) -> None:
        # Not print: the signal may have come in the middle of one, which cannot be entered twice.
        with contextlib.suppress(OSError):
            os.write(2, text.encode())
