"""How the threads of a training step wait for each other: awake, or asleep.

A step has some hundred products, shared among threads, and after each of them they wait. Who waits awake goes on at
once, and who sleeps must be woken: on a machine with nothing else to do that costs a quarter to a half of a step. Where
something else wants the processors too, those who stay awake take them from the one they wait for, and a step takes
several times as long. Which it is changes from minute to minute; so now and then some steps are taken the other way,
and the faster way is kept.

OpenMP has no call that says how to wait, but a rule: awake for some milliseconds, and hardly at all while there are
more of its threads than processors (GOMP_SPINCOUNT in the manual of GCC's libgomp, with which torch comes on Linux).
So a second team of threads, which does nothing, sends those of the first to sleep. Numbers are the same either way.
"""

from __future__ import annotations

import ctypes
import threading
from collections import deque
from statistics import fmean
from typing import Self

import torch

_TRIED_S = 0.15  # of steps, at least, tell how fast they are; three of them, or a second
_FEWEST, _ENOUGH_S = 3, 1.0
_RECENT = 100  # steps, at most, that a try is compared with
_FASTER = 0.95  # of the time; by less than that nothing is gained
_FIRST_S, _MOST_S = 1.0, 30.0  # of steps between two tries: twice as many after each that has changed nothing


class Waiting:
    """Lets the threads of this process wait as is faster at the moment, told by how long steps take.

    They sleep at first, which never costs much, and until awake has been seen to be faster. Once it is closed they
    wait as torch has it: awake. With one thread nobody waits, and nothing is tried.
    """

    def __init__(self) -> None:
        self._possible = torch.get_num_threads() > 1 and Crowd.possible()
        self._crowd = Crowd() if self._possible else None
        self._begun = self._settled = self._trying = False
        self._pause_s = _FIRST_S
        self._before_s = 0.0  # a step took so long before the try
        self._turn(_TRIED_S)

    @property
    def asleep(self) -> bool:
        return self._crowd is not None

    def took(self, seconds: float) -> bool:
        """A step has taken so long; may change how the threads wait in the next one.

        Returns:
            whether it was an ordinary step: none of a try, and not the first, which sets things up.
        """
        if not self._possible:
            return True
        if not self._begun:
            self._begun = True
            return False
        ordinary = self._settled and not self._trying
        self._times.append(seconds)
        self._spent_s += seconds
        if self._spent_s >= self._turn_s and (len(self._times) >= _FEWEST or self._spent_s >= _ENOUGH_S):
            self._judge(fmean(self._times))
        return ordinary

    def _judge(self, step_s: float) -> None:
        """A try begins, or ends: steps took so long before it, or in it."""
        if not self._trying:
            self._before_s = step_s
            self._change()
            self._turn(_TRIED_S)
        elif step_s < _FASTER * self._before_s:
            self._pause_s = _FIRST_S
            self._turn(self._pause_s)
        else:
            self._change()
            self._turn(self._pause_s)
            self._pause_s = min(2 * self._pause_s, _MOST_S)
        self._settled |= self._trying
        self._trying = not self._trying

    def _turn(self, seconds: float) -> None:
        """So many seconds of steps until the next thought."""
        self._turn_s, self._spent_s = seconds, 0.0
        self._times: deque[float] = deque(maxlen=_RECENT)

    def _change(self) -> None:
        if self._crowd:
            self._crowd.leave()
            self._crowd = None
        else:
            self._crowd = Crowd()

    def close(self) -> None:
        if self._crowd:
            self._change()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


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
