"""Signals, really sent to this process or to a small one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tests.support.tiny_runs import ROOT
from training import signals as module
from training.signals import Signals

SMALL = """
import os, signal, sys, time
from training.signals import Signals
with Signals() as signals:
    signals.mode = sys.argv[1]
    for number in sys.argv[2:]:
        os.kill(os.getpid(), int(number))
        time.sleep(0.3)
    print(signals.number)
"""


IGNORE = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"  # as nohup does


@pytest.mark.parametrize(
    ("code", "mode", "numbers", "exit_code", "recorded"),
    [
        (SMALL, "exit", [signal.SIGINT], 130, ""),
        (SMALL, "exit", [signal.SIGHUP], 129, ""),
        (SMALL, "record", [signal.SIGINT, signal.SIGINT], 130, ""),
        # Some supervisors send it to a process and to its group, which must not cost the checkpoint.
        (SMALL, "record", [signal.SIGTERM, signal.SIGTERM], 0, "15\n"),
        (IGNORE + SMALL, "record", [signal.SIGHUP], 0, "0\n"),
    ],
)
def test_a_signal_ends_the_process_or_is_recorded(
    code: str, mode: str, numbers: list[int], exit_code: int, recorded: str
) -> None:
    words = [sys.executable, "-c", code, mode, *(str(int(number)) for number in numbers)]
    ended = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert (ended.returncode, ended.stdout) == (exit_code, recorded)


def test_a_ctrl_c_that_a_wrapper_repeats_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "monotonic", lambda: 5.0)  # both within the same moment
    with Signals() as signals:
        signals.mode = "record"
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        assert signals.number == signal.SIGINT
