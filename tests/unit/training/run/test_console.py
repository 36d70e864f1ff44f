"""What is shown: samples that cannot disturb a terminal, numbers in one style, and never a crash for want of one."""

from __future__ import annotations

import io
import re
import sys

import pytest

from model.terminal import duration_text
from training.run import console
from training.run.console import Progress, loss_text, sample_text, say, speed_text


def test_a_sample_is_indented() -> None:
    assert sample_text("Once upon a time.\nThe end of it", 60) == "  │ Once upon a time.\n  │ The end of"


def test_long_lines_are_broken_at_spaces() -> None:
    shown = sample_text("word " * 40, 40).split("\n")
    assert all(len(row) < 40 and row.startswith("  │ word") and row.endswith("word") for row in shown)


def test_a_line_without_spaces_is_broken_anyhow() -> None:
    shown = sample_text("字" * 100, 44).split("\n")
    assert [len(row) for row in shown][:2] == [43, 43]


def test_blank_lines_are_left_out_and_few_lines_are_shown() -> None:
    assert sample_text("\n\n\na\n\n\nb\n\n c \n", 60) == "  │ a\n  │ b\n  │  c"
    assert len(sample_text("x\n" * 50, 60).split("\n")) == 4


@pytest.mark.parametrize("text", ["", " ", "\n\n \n"])
def test_an_empty_sample_is_reported(text: str) -> None:
    assert sample_text(text, 60) == "  │ (only spaces and line breaks)"


def test_a_sample_holds_no_control_characters() -> None:
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", sample_text("".join(map(chr, range(256))), 60))


def test_numbers_have_one_style() -> None:
    assert loss_text(1.5) == "1.5000 nats, 2.164 bits per character"
    assert loss_text(123456.0) == "1.2e+05 nats per character"
    assert speed_text(28_412) == "28.4k chars/s"
    assert [duration_text(s) for s in (0.4, 59, 90, 3600, 20_000)] == [
        "0 s",
        "59 s",
        "1.5 minutes",
        "60.0 minutes",
        "5.6 hours",
    ]


class GoneTerminal(io.StringIO):
    """A terminal that was closed."""

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
    bar.close()


def test_without_a_terminal_there_is_a_line_at_once_and_then_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(console, "monotonic", lambda: now[0])
    counted, timed = Progress(100, 40, is_timed=False), Progress(100, 40, is_timed=True)
    for step in range(41, 71):
        now[0] += 1
        counted.advance(2.0, step, step, 1000.0, 100.0 - step)
        timed.advance(2.0, step + 0.5, 2 * step, 1000.0, 100.0 - step)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "step 41 of 100: loss 2.000, 1.0k chars/s, 59 s left"
    assert lines[1] == "step 82 (42%): loss 2.000, 1.0k chars/s, 59 s left"
    assert [line.split()[1] for line in lines[::2]] == ["41", "52", "63"]


def test_a_line_contains_no_control_sequences(capsys: pytest.CaptureFixture[str]) -> None:
    """It may quote a file name, a model of a stranger, or an answer of the Hub."""
    say("a\x1b[31mb\u202ec\r\nd\te")
    assert capsys.readouterr().err == "a␛[31mb\ufffdc␍\nd\te\n"
