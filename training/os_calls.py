"""Calls that differ between Linux, macOS and Windows: signals, processes, memory, disk space.

No other module of the project makes such a call, apart from `model/files.py` (syncing folders) and
`model/backends/device.py` (processor features, free memory). A test searches the code for them.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
from collections.abc import Mapping
from typing import IO, Any

# The signals that stop a run, and how a message names each. Windows has no SIGHUP.
STOP_SIGNALS: Mapping[int, str] = {
    int(getattr(signal, name)): title
    for name, title in (("SIGINT", "Ctrl-C"), ("SIGTERM", "SIGTERM"), ("SIGHUP", "the terminal was closed"))
    if hasattr(signal, name)
}

# Options of `subprocess.Popen` for a process that Ctrl-C in this terminal does not reach; Windows needs the second.
NEW_SESSION: Mapping[str, Any] = {
    "start_new_session": True,
    "creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
}


def processors() -> int:
    """Returns how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def keep_freed_memory() -> None:
    """Makes glibc keep freed blocks for the next training step; without glibc nothing changes.

    A step allocates and frees tens of megabytes. By default glibc returns such blocks to the system, which clears their
    pages when the next step asks for them: 14 % of the processor time of a step of the preset `small`.
    """
    trim_threshold, mmap_max = -1, -4  # M_TRIM_THRESHOLD and M_MMAP_MAX of mallopt(3)
    with contextlib.suppress(AttributeError, OSError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(mmap_max, 0)
        mallopt(trim_threshold, 2**31 - 1)


def allocate(file: IO[bytes], size: int) -> None:
    """Reserves `size` bytes of disk space for an open file and makes it that long.

    Without reserved space, a full disk ends a process that writes to a mapped file with SIGBUS; with it, this raises
    OSError. macOS and Windows reserve nothing here: the file is only made longer.
    """
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
    else:
        file.truncate(size)
