"""Text that no terminal executes, that Markdown does not reorder, that fits on one line; commands to paste."""

import io
import os

import pytest

from model.terminal import markdown_text, one_line, own_command, quote_command, terminal_text, use_utf8

HOSTILE = "a\x1b[2Jb\x07c\x00d\x9be\u202ef\u2028g\th\rk\x7f"
PLAIN = "plain\n\ttext, é 日本 👍"


@pytest.mark.parametrize(
    ("function", "text", "shown"),
    [
        (terminal_text, HOSTILE, "a?[2Jb?c?d?e?f?g\th?k?".replace("?", "\ufffd")),
        (terminal_text, PLAIN, PLAIN),
        (markdown_text, "a\r\nb\rc", "a\nb\nc"),
        (markdown_text, "a\x1b\x00\x9b\x7f\u202e\u2066\ud800z", "a" + "\ufffd" * 7 + "z"),
        (markdown_text, PLAIN, PLAIN),
        (one_line, "a\nb\x1b[31m\udcff\u202e", "a\\nb\\x1b[31m\\udcff\\u202e"),
        (one_line, "é中" * 400, ("é中" * 100)[:199] + "…"),
    ],
)
def test_a_text_is_shown_without_what_a_reader_executes(function, text, shown):
    assert function(text) == shown


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
def test_a_command_is_quoted_for_the_shell_of_the_user(monkeypatch, words, posix, windows):
    if os.name == "posix":
        assert quote_command(words) == posix
    monkeypatch.setattr("os.name", "nt")
    assert quote_command(words) == windows


COMMANDS = [("training", "resume", "run"), ("training", "train", "a.txt"), ("model", "info"), ("app", "app", "--mcp")]
SHORT = ["resume run", "train a.txt", "info", "app --mcp"]
OF_FOLDERS = ["training --resume run", "training a.txt", "model info"]


@pytest.mark.parametrize(
    ("started", "shown"),
    [
        ("/usr/bin/char-lstm", [f"char-lstm {each}" for each in SHORT]),
        ("ada/hf-char-lstm.exe", [f"hf char-lstm {each}" for each in SHORT]),
        ("project/char_lstm/__main__.py", [f"python -m char_lstm {each}" for each in SHORT]),
        ("project/training/__main__.py", [*(f"python -m {each}" for each in OF_FOLDERS), "python app.py --mcp"]),
    ],
)
def test_a_command_is_printed_as_this_program_was_started(monkeypatch, started, shown):
    monkeypatch.setattr("sys.argv", [started])
    assert [" ".join(own_command(*words)) for words in COMMANDS] == shown


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_any_text_is_written_as_utf8(monkeypatch, encoding):
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding, errors="strict"))
    use_utf8()
    print("é中\udcff", end="", flush=True)
    assert written.getvalue() == "é中\\udcff".encode()
