"""Signals, really sent to this process or to a small one."""

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
signal.signal(signal.SIGHUP, getattr(signal, sys.argv[1]))
with Signals() as signals:
    signals.mode = sys.argv[2]
    for number in sys.argv[3:]:
        os.kill(os.getpid(), int(number))
        time.sleep(0.3)
    print(signals.number)
"""


@pytest.mark.parametrize(
    ("hangup", "mode", "numbers", "exit_code", "recorded"),
    [
        ("SIG_DFL", "exit", [signal.SIGINT], 130, ""),
        ("SIG_DFL", "exit", [signal.SIGHUP], 129, ""),
        ("SIG_DFL", "record", [signal.SIGINT, signal.SIGINT], 130, ""),
        # Some supervisors send it to a process and to its group, which must not cost the checkpoint.
        ("SIG_DFL", "record", [signal.SIGTERM, signal.SIGTERM], 0, "15\n"),
        ("SIG_IGN", "record", [signal.SIGHUP], 0, "0\n"),  # under nohup
    ],
)
def test_a_signal_ends_the_process_or_is_recorded(
    hangup: str, mode: str, numbers: list[int], exit_code: int, recorded: str
) -> None:
    words = [sys.executable, "-c", SMALL, hangup, mode, *(str(int(number)) for number in numbers)]
    ended = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert (ended.returncode, ended.stdout) == (exit_code, recorded)


def test_a_ctrl_c_that_a_wrapper_repeats_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "monotonic", lambda: 5.0)  # both within the same moment
    with Signals() as signals:
        signals.mode = "record"
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        assert signals.number == signal.SIGINT
