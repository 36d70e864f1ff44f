"""Text that is safe to show (in a terminal, in Markdown, on one line), and helpers for command lines.

A generated or downloaded text may have escape sequences that a terminal executes, and bidirectional controls that
change the order of the displayed characters.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

# By the file or folder that Python was started with: the words of a user before a command.
_PROGRAMS = {
    "char-lstm": ["char-lstm"],
    "hf-char-lstm": ["hf", "char-lstm"],
    "char_lstm": ["python", "-m", "char_lstm"],
}
# Controls other than tab and line feed, other line ends, halves of surrogate pairs and controls of direction
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u2028-\u202e\u2066-\u2069]")


def terminal_text(text: str) -> str:
    """Returns `text` with U+FFFD for each character that a terminal would execute, or that has no UTF-8."""
    return _UNSAFE.sub("\ufffd", text)


def markdown_text(text: str) -> str:
    """Returns `text` for a Markdown file: CR and CR LF become LF, then as `terminal_text`."""
    return terminal_text(re.sub(r"\r\n?", "\n", text))


def one_line(text: str, limit: int = 200) -> str:
    """Returns `text` as one printable line of at most `limit` characters; others are escaped as in Python (`\\x1b`)."""
    line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text[: limit + 1])
    return line if len(line) <= limit else line[: limit - 1] + "…"


def size_text(count: int) -> str:
    """Returns a number of bytes for people, with three digits: `999 bytes`, `1.5 MB`."""
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= unit:
            return f"{count / unit:.3g} {name}"
    return f"{count} bytes"


def duration_text(seconds: float) -> str:
    """Returns a duration such as `40 s`, `5.2 minutes` or `3.1 hours`."""
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} minutes" if seconds < 100 * 60 else f"{seconds / 3600:.1f} hours"


def table(lines: dict[str, str], out: TextIO) -> None:
    """Writes `lines` in two columns: names and texts."""
    width = max(len(name) for name in lines) + 2
    for name, line in lines.items():
        out.write(f"{name:<{width}}{line}\n")


def use_utf8() -> None:
    """Makes standard output and standard error write UTF-8, also where the locale has another encoding.

    In another encoding, most characters of a text would be lost or written as escapes. Surrogates, such as those of an
    argument that is not UTF-8, have no UTF-8 and are written as escapes.
    """
    for file in (sys.stdout, sys.stderr):
        if isinstance(file, io.TextIOWrapper):
            file.reconfigure(encoding="utf-8", errors="backslashreplace")


def say(line: str) -> None:
    """Flushes standard output, then writes a line to standard error without control characters."""
    sys.stdout.flush()
    print(terminal_text(line), file=sys.stderr, flush=True)


def discard_stdout() -> None:
    """Redirects standard output to the null device, so that Python's flush at exit does not report the closed pipe."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def own_command(package: str, *words: str) -> list[str]:
    """Returns a command of this project as the user types it, in the way in which this process was started.

    It begins with `char-lstm`, `hf char-lstm` or `python -m char_lstm`; in a checkout that is not installed with
    `python -m training`, `python -m model` or `python app.py`.

    Args:
        package: what has the command in a checkout: model, training or app.
        words: the name of the command and its arguments.
    """
    started = Path(sys.argv[0])
    program = _PROGRAMS.get(started.parent.name if started.stem == "__main__" else started.stem)
    if program or __name__.startswith("char_lstm."):
        return [*(program or ["char-lstm"]), *words]
    if package == "app":
        return ["python", "app.py", *words[1:]]
    without_name = {"train": [], "resume": ["--resume"]}.get(words[0]) if words else None
    return ["python", "-m", package, *(words if without_name is None else [*without_name, *words[1:]])]


def quote_command(words: Sequence[str]) -> str:
    """Returns a command that the user can paste: quoted for cmd.exe and PowerShell on Windows, for sh elsewhere."""
    if os.name != "nt":
        return shlex.join(words)
    # list2cmdline does not quote characters such as &, which have a meaning in both shells.
    quoted = [subprocess.list2cmdline([word]) for word in words]
    return " ".join(f'"{word}"' if re.search(r"^[^\"]*[^\w\"./\\:=@+-]", word) else word for word in quoted)
