"""Text that no terminal executes, that no Markdown reader turns around, and that fits on one line."""

from __future__ import annotations

import json

from model.terminal import markdown_text, one_line, terminal_text

HOSTILE = "a\x1b[2Jb\x07c\x00d\x9be\u202ef\u2028g\th\rk\x7f"
PLAIN = "plain\n\ttext, é 日本 👍"


def test_a_terminal_gets_no_control_characters() -> None:
    assert terminal_text(HOSTILE) == "a␛[2Jb␇c␀d\ufffde\ufffdf\ufffdg\th␍k␡"
    assert terminal_text(PLAIN) == PLAIN


def test_markdown_gets_no_control_characters_and_lf_line_ends() -> None:
    assert markdown_text("a\r\nb\rc") == "a\nb\nc"
    assert markdown_text("a\x1b\x00\x9b\x7f\u202e\u2066\ud800z") == "a" + "\ufffd" * 7 + "z"
    assert markdown_text(PLAIN) == PLAIN


def test_any_text_fits_on_one_printable_line() -> None:
    assert one_line("a\nb\x1b[31m\udcff\u202e") == "a\\nb\\x1b[31m\\udcff\\u202e"
    assert one_line("é中" * 400).endswith("…")
    assert len(one_line("x" * 10**6)) <= 200
    assert json.loads(json.dumps(one_line("\udcff"))) == "\\udcff"
