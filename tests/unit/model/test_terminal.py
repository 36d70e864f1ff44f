"""Text that no terminal executes, that Markdown does not reorder, that fits on one line; commands to paste."""

from __future__ import annotations

import json
import os

import pytest

from model.terminal import json_line, markdown_text, one_line, quote_command, terminal_text

HOSTILE = "a\x1b[2Jb\x07c\x00d\x9be\u202ef\u2028g\th\rk\x7f"
PLAIN = "plain\n\ttext, é 日本 👍"


def test_a_terminal_gets_no_control_characters() -> None:
    assert terminal_text(HOSTILE) == "a␛[2Jb␇c␀d\ufffde\ufffdf\ufffdg\th␍k␡"
    assert terminal_text(PLAIN) == PLAIN


def test_markdown_gets_no_control_characters_and_lf_line_ends() -> None:
    assert markdown_text("a\r\nb\rc") == "a\nb\nc"
    assert markdown_text("a\x1b\x00\x9b\x7f\u202e\u2066\ud800z") == "a" + "\ufffd" * 7 + "z"
    assert markdown_text(PLAIN) == PLAIN


def test_json_for_a_terminal_is_the_same_value() -> None:
    line = json_line({HOSTILE: [HOSTILE, PLAIN]})
    assert terminal_text(line) == line
    assert json.loads(line) == {HOSTILE: [HOSTILE, PLAIN]}
    assert "日本 👍" in line


def test_any_text_fits_on_one_printable_line() -> None:
    assert one_line("a\nb\x1b[31m\udcff\u202e") == "a\\nb\\x1b[31m\\udcff\\u202e"
    assert one_line("é中" * 400).endswith("…")
    assert len(one_line("x" * 10**6)) <= 200
    assert json.loads(json.dumps(one_line("\udcff"))) == "\\udcff"


@pytest.mark.parametrize(
    ("words", "posix", "windows"),
    [
        (["python", "--model", "runs/a-1"], "python --model runs/a-1", "python --model runs/a-1"),
        (["say", "Justin Wong:"], "say 'Justin Wong:'", 'say "Justin Wong:"'),
        (["R&D"], "'R&D'", '"R&D"'),
        (["it's"], """'it'"'"'s'""", '"it\'s"'),
        (['a "b" c'], """'a "b" c'""", r'"a \"b\" c"'),
        ([r"C:\runs\a"], r"'C:\runs\a'", r"C:\runs\a"),
        ([""], "''", '""'),
    ],
)
def test_a_command_is_quoted_for_the_shell_of_the_user(
    monkeypatch: pytest.MonkeyPatch, words: list[str], posix: str, windows: str
) -> None:
    if os.name == "posix":
        assert quote_command(words) == posix
    monkeypatch.setattr("os.name", "nt")
    assert quote_command(words) == windows
