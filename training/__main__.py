"""``python -m training``: takes charge of Ctrl-C and SIGTERM first, and only then imports what takes seconds.

So a run that is stopped in its very first second ends as cleanly as any other. The command line itself is in
``cli``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from .signals import Signals


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code.

    Args:
        argv: the words behind ``python -m training``; those of this process when None.
    """
    with Signals() as signals:
        from .cli import main as cli

        return cli.main(argv, signals)


if __name__ == "__main__":
    sys.exit(main())
