"""`python -m model`: the commands generate, score, why, info and list.

Results go to standard output; the seed, notices and errors go to standard error.
"""

from __future__ import annotations

import io
import sys

from . import __version__
from .checkpoint.bundled import PRETRAINED
from .cli import generate, info, score, why
from .cli import list as list_
from .cli.arguments import ArgumentParser, Command
from .terminal import discard_stdout, say

_COMMANDS: dict[str, Command] = {"generate": generate, "score": score, "why": why, "info": info, "list": list_}
_PROGRAM = f"python -m {__package__}"  # installed from a wheel the package has another name
_PIPE_CLOSED = 141  # the exit status after the reader of standard output closed the pipe


def main(argv: list[str] | None = None) -> int:
    """Runs one command; returns the exit status: 0, 2 for an error, 130 after Ctrl-C."""
    for file in (sys.stdout, sys.stderr):
        if isinstance(file, io.TextIOWrapper):
            file.reconfigure(errors="backslashreplace")  # a terminal without Unicode must not end a reply
    try:
        arguments = _parser().parse_args(argv)
        status = _COMMANDS[arguments.command].run(arguments)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return generate.INTERRUPTED
    except BrokenPipeError:
        discard_stdout()
        return _PIPE_CLOSED
    except (ValueError, OSError, RuntimeError) as error:
        say(f"error: {' '.join(str(error).split())}")
        return 2


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog=_PROGRAM, description="Generate and score text with a character LSTM.")
    parser.add_argument("--version", action="version", version=f"char-lstm {__version__}")
    commands = parser.add_subparsers(required=True, dest="command", metavar="COMMAND", title="commands")
    for name, command in _COMMANDS.items():
        subparser = commands.add_parser(name, help=command.HELP, description=command.HELP)
        if command is not list_:
            subparser.add_argument(
                "--model",
                default=str(PRETRAINED),
                metavar="MODEL",
                help="the folder of a checkpoint or run, USER/NAME[@REVISION] on the Hub, or bundled:NAME (default: "
                "the first of the bundled models)",
            )
        subparser.add_argument("--json", action="store_true", help="print one JSON object on standard output")
        command.add_arguments(subparser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
