"""Handlers for the signals that stop a run: Ctrl-C, SIGTERM and a closed terminal.

Before the first step there is nothing to lose, so the first signal ends the program. During training the handler only
records it, and the run saves a checkpoint before it stops; a second Ctrl-C exits at once.
"""

from __future__ import annotations

import _thread
import contextlib
import os
import signal
import threading
from time import monotonic
from types import FrameType, TracebackType
from typing import Literal

from .os_calls import STOP_SIGNALS

# A terminal sends Ctrl-C to a whole process group, and some wrappers send it again: within this time it counts once.
_SAME_S = 0.15

Mode = Literal["exit", "raise", "record", "silent"]
"""What the next signal does. "exit" ends the process at once, before anything was written. "raise" raises
KeyboardInterrupt. "record" sets `number` and prints that the run will save; a second Ctrl-C ends the process at once.
"silent" only sets `number`, in a process that does not print."""


class Signals:
    """Handles signals inside its `with` block; in other threads than the main one, Python allows no handlers."""

    def __init__(self) -> None:
        self.number = 0  # the first signal; 0 for none
        self.mode: Mode = "exit"
        self._time = 0.0
        self._before: dict[int, object] = {}

    @property
    def exit_code(self) -> int:
        """The exit code after the recorded signal: 128 + its number, so 130 for Ctrl-C and 143 for SIGTERM."""
        return 128 + (self.number or signal.SIGINT)

    def receive_from_other_process(self) -> None:
        """Handles a signal that another process of the run received, as if this process had received SIGTERM."""
        if not self.number:
            self._handle(signal.SIGTERM, None)

    def stop_when_closed(self, file: int) -> None:
        """Starts a thread that handles SIGTERM when the other end of a pipe, such as standard input, is closed."""

        def wait() -> None:
            os.read(file, 1)  # not sys.stdin.read: a thread in it when the interpreter ends aborts the process
            _thread.interrupt_main(signal.SIGTERM)  # not os.kill, which on Windows ends the process at once

        threading.Thread(target=wait, daemon=True).start()

    def __enter__(self) -> Signals:
        if threading.current_thread() is threading.main_thread():
            for number in STOP_SIGNALS:
                before = signal.getsignal(number)
                # After nohup the run continues when the terminal closes.
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
            if number == signal.SIGINT and now - self._time > _SAME_S:
                self._print("\nexiting at once: the steps since the last checkpoint are lost\n")
                os._exit(128 + number)
            return
        self.number, self._time = number, now
        if self.mode == "exit":
            self._print("\nstopped before the first step: nothing was written\n")
            os._exit(128 + number)
        if self.mode == "raise":
            raise KeyboardInterrupt
        name = STOP_SIGNALS[number]
        self._print(f"\n{name}: saving after this step (a second Ctrl-C exits at once, without saving)\n")

    def _print(self, text: str) -> None:
        # Not `print`, which is not reentrant: the signal may have come in the middle of one.
        with contextlib.suppress(OSError):
            os.write(2, text.encode())
