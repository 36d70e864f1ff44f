"""Ports for the servers of tests."""

from __future__ import annotations

import itertools
import os
import socket

# Below the ports that connections get from the system, so that none takes a port before its server does; each process
# begins at another one.
_FIRST, _COUNT = 10_000, 20_000
_numbers = itertools.count(os.getpid() * 97 % _COUNT)


def free_port() -> int:
    """Returns a port of this machine that nothing listens on, another one each time."""
    while True:
        port = _FIRST + next(_numbers) % _COUNT
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
