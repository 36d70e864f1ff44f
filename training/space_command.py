"""``python -m training space MODEL``: a page for a model, in a folder."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from model import CharLSTM
from model.char_lstm import split_revision

from .console import say
from .options import OptionsError
from .space import write_static


def make_space(options: argparse.Namespace) -> int:
    """Does what was asked for (see ``options.parse_space``); returns the exit code."""
    try:
        name, revision = split_revision(options.model)
    except ValueError as error:
        raise OptionsError(str(error)) from None
    lm = CharLSTM.from_pretrained(name, revision=revision)
    folder = Path(options.out).expanduser()
    write_static(folder, lm)
    path = shlex.quote(str(folder))
    say(f"A page that runs in the visitor's own browser is in {path}: put it on any web host. To look at it:")
    say(f"  python -m http.server --directory {path}\n  http://localhost:8000")
    return 0
