"""The process of a task: `python -m training.side_by_side.child ARGUMENTS` runs `python -m training ARGUMENTS`.

Its standard input stays open until the process that started it stops the task or ends in any way. When it closes, the
training stops as if it had received SIGTERM: it saves a checkpoint first.
"""

from __future__ import annotations

import _thread
import os
import runpy
import signal
import sys
import threading
import time


def _stop_with_parent() -> None:
    # Not sys.stdin.read: a thread that waits in it when the interpreter ends aborts the process.
    os.read(sys.stdin.fileno(), 1)
    while signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:  # a signal would have no effect yet
        time.sleep(0.05)
    _thread.interrupt_main(signal.SIGTERM)  # not os.kill, which on Windows ends the process at once


if __name__ == "__main__":
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    runpy.run_module("training", run_name="__main__")
