"""The command `char-lstm`, which is also `hf char-lstm` and `python -m char_lstm`: runs the command of a package."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from importlib.util import find_spec

from model import __version__
from model.cli.arguments import ArgumentParser
from model.settings import UsageError
from model.terminal import own_command, say

_COMMANDS = {  # the package that has the command, and what it does
    "generate": ("model", "continue a prompt"),
    "score": ("model", "measure how surprised a model is by a text"),
    "evaluate": ("model", "measure the loss of any function that predicts the next character"),
    "why": ("model", "measure how much each earlier character mattered for a character"),
    "info": ("model", "describe a model"),
    "list": ("model", "list the bundled models"),
    "train": ("training", "train a model on a text"),
    "resume": ("training", "continue a training that was stopped"),
    "push": ("training", "push the checkpoints of a run that are not on the Hub yet"),
    "space": ("training", "make a page for a model: a Space on the Hub"),
    "compare": ("training", "print a table of runs"),
    "cells": ("training", "name the cells of a model that follow a feature of the text"),
    "app": ("app", "serve models as a page and an API"),
}
# The extra that a package needs, and a library that only this extra installs.
_EXTRAS = {"training": ("train", "phonenumbers"), "app": ("app", "gradio")}


def main() -> int:
    """Runs the command in `sys.argv`; returns the exit status, 2 for an error of the user."""
    try:
        command = _parser().parse_args(sys.argv[1:2]).command
        package, _ = _COMMANDS[command]
        extra, library = _EXTRAS.get(package, ("", ""))
        if extra and find_spec(library) is None:
            raise UsageError(f"{command} needs more libraries: pip install 'char-lstm[{extra}]'")
    except UsageError as error:
        say(f"error: {error}")
        return 2
    run: Callable[[], int]
    if package == "model":
        from model.__main__ import main as run
    elif package == "training":
        from training.__main__ import main as run
    else:
        from app import main as run
    if command in ("train", "resume", "app"):  # for these, the packages have no command, but options
        asks_for_help = {"-h", "--help"} & {*sys.argv}
        sys.argv[1:2] = ["--resume"] if command == "resume" and not asks_for_help else []
    return run()


def _parser() -> ArgumentParser:
    commands = "\n".join(f"  {name:<10}{text}" for name, (_, text) in _COMMANDS.items())
    parser = ArgumentParser(
        prog=" ".join(own_command("model")),
        description="Train character LSTMs, generate text with them, and serve them.",
        formatter_class=argparse.RawDescriptionHelpFormatter,  # keeps the lines of the epilog
        epilog=f"commands (COMMAND --help shows the options of each):\n{commands}",
    )
    parser.usage = "%(prog)s COMMAND ..."
    parser.add_argument("--version", action="version", version=f"char-lstm {__version__}")
    parser.add_argument("command", metavar="COMMAND", choices=_COMMANDS, help="one of the commands below")
    return parser


if __name__ == "__main__":
    sys.exit(main())
