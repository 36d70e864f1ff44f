"""Reads the inputs of the commands of `python -m model`: models by name, texts from files and standard input."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from ..char_lstm import CharLSTM, split_revision
from ..settings import UsageError
from ..terminal import say


def load_model(name: str) -> CharLSTM:
    """Returns a model; prints its notice, such as that the Hub cannot be reached, to standard error."""
    id_or_path, revision = split_revision(name)
    lm = CharLSTM.from_pretrained(id_or_path, revision=revision)
    if lm.notice:
        say(f"notice: {lm.notice}")
    return lm


def read_text(name: str) -> str:
    """Returns the text of a file, or of standard input for "-", as training reads it: see `normalized`."""
    shown = "standard input" if name == "-" else repr(name)
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return normalized(data.decode("utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read {shown}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise UsageError(f"{shown} is not UTF-8: byte {error.start:,} is 0x{byte:02x}") from error


def normalized(text: str) -> str:
    """Returns the text without a byte order mark, with \\n as the only line end."""
    return re.sub("\r\n?", "\n", text.removeprefix("\ufeff"))
