"""Ctrl-C and its like, sent for real to this process or to a small one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

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
    """A process that gets these signals."""
    ignore = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n" if nohup else ""
    words = [sys.executable, "-c", ignore + SMALL, mode, *(str(int(number)) for number in numbers)]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_before_anything_is_done_a_signal_ends_the_process_cleanly(number: int, code: int) -> None:
    ended = small("leave", number)
    assert ended.returncode == code
    assert ended.stderr.strip() == "stopped before the first step: nothing was written"


def test_while_it_prepares_a_signal_is_an_exception() -> None:
    with Signals() as signals:
        signals.mode = "raise"
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
        assert signals.exit_code == 143


def test_while_it_trains_a_signal_is_noted_and_said(capfd: pytest.CaptureFixture[str]) -> None:
    with Signals() as signals:
        signals.mode = "note"
        os.kill(os.getpid(), signal.SIGINT)
        assert signals.number == signal.SIGINT
        assert signals.exit_code == 130
    assert "Ctrl-C: saving after this step (Ctrl-C once more leaves at once" in capfd.readouterr().err


def test_ctrl_c_twice_leaves_at_once() -> None:
    ended = small("note", signal.SIGINT, signal.SIGINT)
    assert ended.returncode == 130
    assert "leaving at once" in ended.stderr
    assert ended.stdout == ""


def test_sigterm_twice_still_saves() -> None:
    """Some supervisors send it to a process and to its group: nobody means to lose the checkpoint by that."""
    ended = small("note", signal.SIGTERM, signal.SIGTERM)
    assert (ended.returncode, ended.stdout.strip()) == (0, str(int(signal.SIGTERM)))


def test_ctrl_c_that_a_wrapper_passes_on_is_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "monotonic", lambda: 5.0)  # both within the same moment
    with Signals() as signals:
        signals.mode = "note"
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        assert signals.number == signal.SIGINT


def test_nohup_outlives_the_terminal() -> None:
    ended = small("note", signal.SIGHUP, nohup=True)
    assert (ended.returncode, ended.stdout.strip()) == (0, "0")


def test_what_was_asked_for_and_done_is_forgotten() -> None:
    with Signals() as signals:
        signals.mode = "note"
        os.kill(os.getpid(), signal.SIGTERM)
        signals.forget("raise")
        assert signals.number == 0
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_handlers_are_put_back() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    with Signals():
        assert all(signal.getsignal(number) != handler for number, handler in before.items())
    assert {number: signal.getsignal(number) for number in before} == before


def test_outside_the_main_thread_it_does_nothing() -> None:
    entered = []

    def enter() -> None:
        with Signals() as signals:
            entered.append(signals.number)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert entered == [0]
