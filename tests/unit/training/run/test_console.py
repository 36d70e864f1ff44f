"""What is shown: samples that cannot disturb a terminal, numbers in one style, and never a crash for want of one."""

import io
import re
import sys

import pytest

from training.run import console
from training.run.console import Progress, sample_text, say


def test_a_sample_and_a_line_hold_no_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    """They may quote a file name, a model of a stranger, or an answer of the Hub."""
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", sample_text("".join(map(chr, range(256))), 60))
    say("a\x1b[31mb\u202ec\r\nd\te")
    assert capsys.readouterr().err == "a\ufffd[31mb\ufffdc\ufffd\nd\te\n"


class GoneTerminal(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(5, "Input/output error")

    def isatty(self) -> bool:
        return True


def test_a_closed_terminal_does_not_stop_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", GoneTerminal())
    say("hello")
    bar = Progress(10, 0, is_timed=False)
    for step in range(10):
        bar.advance(2.0, step, step, 1000, 5.0)
        bar.print_sample("a sample")
    bar.close()


def test_without_a_terminal_there_is_a_line_at_once_and_then_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(console, "monotonic", lambda: now[0])
    timed = Progress(100, 40, is_timed=True)
    for step in range(41, 71):
        now[0] += 1
        timed.advance(2.0, step + 0.5, 2 * step, 1000.0, 100.0 - step)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "step 82 (42%): loss 2.000, 1.0k chars/s, 59 s left"
    assert [line.split()[1] for line in lines] == ["82", "104", "126"]
