"""`python -m training`: handles Ctrl-C and SIGTERM before it imports anything that takes seconds.

A run that is stopped in its first second therefore ends as cleanly as any other. `cli` is the command line.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from .signals import Signals

# How long libgomp's threads spin at a barrier before they sleep; read when torch is imported. By default they spin for
# whole time slices of the scheduler: beside one busy program, steps of two threads took 25 times as long.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line, with the arguments of this process if `argv` is None; returns the exit code."""
    with Signals() as signals:
        from .cli import main as cli

        return cli.main(argv, signals)


if __name__ == "__main__":
    sys.exit(main())
