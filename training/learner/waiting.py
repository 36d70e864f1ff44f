"""How the threads of a training step wait for each other: awake, or asleep.

A step has some hundred products, shared among threads, and after each of them they wait. Who waits awake goes on at
once, and who sleeps must be woken: on a machine with nothing else to do that costs a fifth to a half of a step. Where
another program wants the processors too, those who stay awake take them from the one they wait for, and a step takes
several times as long. Linux tells which it is: how long threads that could go on have stood in line for a processor.

OpenMP has no call that says how to wait, but a rule: awake for some milliseconds, and hardly at all while there are
more of its threads than processors (GOMP_SPINCOUNT in the manual of GCC's libgomp, with which torch comes on Linux).
So a second team of threads, which does nothing, sends those of the first to sleep. Numbers are the same either way.
"""

from __future__ import annotations

import contextlib
import ctypes
import threading
from pathlib import Path
from time import perf_counter

import torch

_EVERY_S = 0.25  # so often it is looked
_CROWDED = 0.45  # of the time in line: 0.01 alone on a machine, 0.5 to 0.8 beside a program that takes a processor


class Waiting:
    """Lets the threads of this process wait as is faster at the moment.

    They sleep until it is seen that they have the processors for themselves. Once it is closed they wait as torch has
    it: awake. With one thread nobody waits, and nothing is done; nor where the system does not tell.
    """

    def __init__(self) -> None:
        self._since_s, self._before_s = perf_counter(), lined_up_s()
        self._possible = torch.get_num_threads() > 1 and Crowd.possible() and self._before_s > 0
        self._crowd = Crowd() if self._possible else None
        self._seen = self._changed = False

    @property
    def asleep(self) -> bool:
        return self._crowd is not None

    def stepped(self) -> bool:
        """A step was taken; may change how the threads wait in the next one.

        Returns:
            whether it was an ordinary one: not before the first look, nor the first after a change, which wakes
            threads or makes them.
        """
        if not self._possible:
            return True
        ordinary = self._seen and not self._changed
        self._changed = False
        now = perf_counter()
        if now - self._since_s >= _EVERY_S:
            lined_up = lined_up_s()
            crowded = lined_up - self._before_s > _CROWDED * (now - self._since_s)
            self._since_s, self._before_s = now, lined_up
            self._seen, self._changed = True, crowded != self.asleep
            if self._changed:
                self._change()
        return ordinary

    def _change(self) -> None:
        if self._crowd:
            self._crowd.leave()
            self._crowd = None
        else:
            self._crowd = Crowd()

    def close(self) -> None:
        if self._crowd:
            self._change()

    def __enter__(self) -> Waiting:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def lined_up_s() -> float:
    """How long the threads of this process have stood in line for a processor, all together; 0 if nobody tells.

    The second number of /proc/PID/task/TID/schedstat, in nanoseconds (the kernel's sched-stats documentation).
    """
    waited = 0
    with contextlib.suppress(OSError):
        for thread in Path("/proc/self/task").iterdir():
            with contextlib.suppress(OSError, ValueError, IndexError):  # it has just ended
                waited += int((thread / "schedstat").read_text().split()[1])
    return waited / 1e9


class Crowd:
    """A team of OpenMP's threads that is there and does nothing, so that there are more than processors."""

    def __init__(self) -> None:
        openmp = ctypes.CDLL(None)
        # With the team that there is, whose leader counts as well, one more than processors.
        threads = max(2, openmp.omp_get_num_procs() - torch.get_num_threads() + 2)
        made, self._left = threading.Event(), threading.Event()
        self._leader = threading.Thread(target=self._lead, args=(openmp, threads, made), name="crowd", daemon=True)
        self._leader.start()
        made.wait()

    @staticmethod
    def possible() -> bool:
        """Whether torch's OpenMP is one that minds."""
        try:
            return hasattr(ctypes.CDLL(None), "GOMP_parallel")
        except (OSError, TypeError):
            return False

    def leave(self) -> None:
        self._left.set()
        self._leader.join()

    def _lead(self, openmp: ctypes.CDLL, threads: int, made: threading.Event) -> None:
        # What they do is no matter. When it is done they wait for their leader, and end when it ends.
        openmp.GOMP_parallel(openmp.omp_get_num_threads, None, threads, 0)
        made.set()
        self._left.wait()
