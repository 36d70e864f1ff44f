"""An argument parser whose errors are one line, with the most similar option or command if one was misspelled."""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn, get_args

from ..checkpoint.names import PRETRAINED
from ..settings import Precision, UsageError

__all__ = ["ArgumentParser", "CommandParser", "UsageError", "add_command", "add_precision", "nearest"]
Run = Callable[[argparse.Namespace], int]


class ArgumentParser(argparse.ArgumentParser):
    """`argparse.ArgumentParser` without abbreviations, which raises instead of printing its usage and exiting.

    Args:
        other_names: names of options in other programs, and the option to suggest for each.
    """

    def __init__(self, *, other_names: Mapping[str, str] | None = None, **options: object) -> None:
        super().__init__(allow_abbrev=False, **options)  # type: ignore[arg-type]  # argparse's own options
        self._other_names = other_names or {}

    def error(self, message: str) -> NoReturn:
        """Raises UsageError with argparse's message."""
        hint = self._suggestion(message)
        raise UsageError(f"{message}{f': did you mean {hint}?' if hint else ''} (see {self.prog} --help)")

    def _suggestion(self, message: str) -> str | None:
        unknown = re.search(r"unrecognized arguments: (?:.*? )?(--?[A-Za-z][\w-]*)", message)
        if unknown:
            found = nearest(unknown[1], {*self._other_names, *self._option_string_actions})
            return self._other_names.get(found or "", found)
        choices = {str(choice) for action in self._actions for choice in action.choices or ()}
        choice = re.search(r"invalid choice: '(.*?)' \(", message)
        return nearest(choice[1], choices) if choice else None


class CommandParser(ArgumentParser):
    """The parser of a command, whose errors name the help of the command."""

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        namespace, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return namespace, unknown


def add_command(commands: Any, name: str, text: str, run: Run, *, model: bool = True) -> ArgumentParser:
    """Adds a command with, unless `model` is False, --model; returns its parser."""
    parser: ArgumentParser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(run=run)
    if model:
        parser.add_argument(
            "--model",
            default=str(PRETRAINED),
            metavar="MODEL",
            help="the folder of a checkpoint or run, USER/NAME[@REVISION] on the Hub, or bundled:NAME (default: "
            "the first of the bundled models)",
        )
    return parser


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Returns the known word that is most similar to a misspelled one; None if none is similar."""
    return next(iter(difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.7)), None)


def add_precision(parser: argparse.ArgumentParser) -> None:
    """Adds the option --precision: int8 or float32 inference."""
    parser.add_argument(
        "--precision",
        choices=get_args(Precision),
        help="int8 gives the same text on every machine (default int8, or float32 if int8 costs the model over "
        "0.01 nats per character)",
    )
