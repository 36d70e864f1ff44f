"""An argument parser whose errors are one line, with the most similar option or command if one was misspelled."""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Iterable, Mapping
from typing import NoReturn, Protocol, get_args

from ..settings import Precision


class Command(Protocol):
    """A module with a command: its line of help, its arguments, and the function that runs it."""

    HELP: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Adds the arguments of the command."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Runs the command; returns the exit status."""


class UsageError(ValueError):
    """The options of a command line are not valid. The message is one line: what is wrong, and what to do."""


class ArgumentParser(argparse.ArgumentParser):
    """`argparse.ArgumentParser` without abbreviations, which raises instead of printing its usage and exiting.

    Args:
        other_names: names of options in other programs, and the option to suggest for each.
        options: the options of `argparse.ArgumentParser`.
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
            found = nearest(unknown[1], {*self._other_names, *self._all_options()})
            return self._other_names.get(found or "", found)
        choice = re.search(r"invalid choice: '(.*?)' \(", message)
        return nearest(choice[1], self._all_choices()) if choice else None

    def _all_options(self) -> set[str]:
        options = set(self._option_string_actions)
        return options.union(*(parser._all_options() for parser in self._subparsers_by_name().values()))

    def _all_choices(self) -> set[str]:
        listed = {str(choice) for action in self._actions for choice in action.choices or ()}
        return listed | set(self._subparsers_by_name())

    def _subparsers_by_name(self) -> dict[str, ArgumentParser]:
        return {
            name: parser
            for action in self._actions
            if isinstance(action, argparse._SubParsersAction)
            for name, parser in action.choices.items()
        }


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Returns the known word that is most similar to a misspelled one; None if none is similar."""
    return next(iter(difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.7)), None)


def add_precision(parser: argparse.ArgumentParser) -> None:
    """Adds the option --precision: int8 or float32 inference."""
    parser.add_argument(
        "--precision",
        "--arithmetic",  # its name until version 0.1
        choices=get_args(Precision),
        help="int8 gives the same text on every machine (default int8, or float32 if int8 costs the model over "
        "0.01 nats per character)",
    )
