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


def small(mode: str, *numbers: int, nohup: bool = False) -> subprocess.CompletedProcess[str]:
    """Runs a process that gets these signals."""
    ignore = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n" if nohup else ""
    words = [sys.executable, "-c", ignore + SMALL, mode, *(str(int(number)) for number in numbers)]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_before_the_first_step_a_signal_ends_the_process(number: int, code: int) -> None:
    ended = small("exit", number)
    assert ended.returncode == code
    assert ended.stderr.strip() == "stopped before the first step: nothing was written"


def test_a_second_ctrl_c_exits_at_once() -> None:
    ended = small("record", signal.SIGINT, signal.SIGINT)
    assert ended.returncode == 130
    assert "exiting at once" in ended.stderr
    assert ended.stdout == ""


def test_a_second_sigterm_still_saves() -> None:
    """Some supervisors send it to a process and to its group, which must not cost the checkpoint."""
    ended = small("record", signal.SIGTERM, signal.SIGTERM)
    assert (ended.returncode, ended.stdout.strip()) == (0, str(int(signal.SIGTERM)))


def test_a_ctrl_c_that_a_wrapper_repeats_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "monotonic", lambda: 5.0)  # both within the same moment
    with Signals() as signals:
        signals.mode = "record"
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        assert signals.number == signal.SIGINT


def test_a_run_under_nohup_ignores_a_closed_terminal() -> None:
    ended = small("record", signal.SIGHUP, nohup=True)
    assert (ended.returncode, ended.stdout.strip()) == (0, "0")
