"""An argument parser that raises one clear line, with the nearest option or command where one was misspelled."""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Iterable
from typing import NoReturn, Protocol


class Command(Protocol):
    """A module with a command: its line of help, its arguments, and what runs it and returns the exit status."""

    HELP: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Adds the arguments of the command."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Runs the command; returns the exit status."""


class UsageError(ValueError):
    """The command line cannot be parsed. The message says what is wrong, and suggests the nearest option."""


class ArgumentParser(argparse.ArgumentParser):
    """``argparse.ArgumentParser`` without abbreviations, which raises instead of printing its usage and exiting."""

    def __init__(self, **options: object) -> None:
        super().__init__(allow_abbrev=False, **options)  # type: ignore[arg-type]  # argparse's own options

    def error(self, message: str) -> NoReturn:
        """Called by argparse.

        Raises:
            UsageError: always.
        """
        hint = self._suggestion(message)
        raise UsageError(f"{message}{f': did you mean {hint}?' if hint else ''} (see {self.prog} --help)")

    def _suggestion(self, message: str) -> str | None:
        unknown = re.match(r"unrecognized arguments: (--?[\w-]+)", message)
        if unknown:
            return nearest(unknown[1], self._all_options())
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
    """The known word that is most similar to a misspelled one; None when none is similar."""
    return next(iter(difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.7)), None)


def add_precision(parser: argparse.ArgumentParser) -> None:
    """Adds the option --precision: int8 or float32 inference."""
    parser.add_argument(
        "--precision",
        "--arithmetic",  # its name until version 0.1
        choices=("int8", "float32"),
        help="int8 gives the same text on every machine (default int8, or float32 for a model that int8 changes)",
    )
