"""`python -m model`: the commands generate, score, evaluate, why, info and list.

Results go to standard output; the seed, notices and errors go to standard error.
"""

from __future__ import annotations

import sys

from . import __version__
from .checkpoint.format import CheckpointError
from .cli import evaluate, generate, info, score
from .cli.arguments import ArgumentParser, CommandParser
from .hub.errors import ModelUnavailableError
from .settings import UsageError
from .terminal import discard_stdout, own_command, say, use_utf8

_PIPE_CLOSED = 141  # the exit status after the reader of standard output closed the pipe


def main(argv: list[str] | None = None) -> int:
    """Runs one command; returns the exit status: 0, 2 for an error of the user, 130 after Ctrl-C."""
    use_utf8()
    try:
        arguments = _parser().parse_args(argv)
        status = int(arguments.run(arguments))
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return generate.INTERRUPTED
    except BrokenPipeError:
        discard_stdout()
        return _PIPE_CLOSED
    except (UsageError, CheckpointError, ModelUnavailableError) as error:
        say(f"error: {' '.join(str(error).split())}")
        return 2


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog=" ".join(own_command("model")), description="Generate and score text with a character LSTM."
    )
    parser.add_argument("--version", action="version", version=f"char-lstm {__version__}")
    commands = parser.add_subparsers(
        required=True, dest="command", metavar="COMMAND", title="commands", parser_class=CommandParser
    )
    for module in (generate, score, evaluate, info):
        module.add_to(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
