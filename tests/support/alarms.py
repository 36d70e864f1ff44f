"""Ends a search that takes quadratic time, in which a test would otherwise hang."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def alarm(what: str, seconds: int = 60) -> Iterator[None]:
    """Raises TimeoutError in the block after so many seconds; on POSIX only.

    Times are not compared, because they depend on the load of the machine: a linear search takes about a second here,
    a quadratic one many minutes.
    """

    def ring(*_: object) -> None:
        raise TimeoutError(f"still busy with {what}")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
