"""Chooses how many threads compute a training step, by measuring steps of the run itself, again and again.

Beside another busy program, two threads of a step that wait for each other are slower than one: each waits for a time
slice of the scheduler. On two idle cores they are faster. So a run tries both for some steps, keeps the faster number,
and tries again after some seconds, or sooner when its steps have become slower. The results do not depend on it beyond
rounding; each step's number is recorded, so that a resumed run repeats the steps bit for bit.
"""

from __future__ import annotations

from collections import deque

import torch

from ..learner import processes

_TRIALS = 3  # steps with each number
_KEPT_STEPS, _KEPT_S = 100, 5.0  # the least steps and seconds between two trials
_SLOWER = 1.3  # times as long as in the last trial: then the next trial begins at once
_RECENT = 8  # steps whose mean is compared


class Threads:
    """The number of threads of each step. It stays on a GPU, where they do not compute, and in several processes."""

    def __init__(self, device: torch.device) -> None:
        self.count = most = torch.get_num_threads()  # for the next step
        is_fixed = device.type != "cpu" or processes.count() > 1
        self._choices = [most] if is_fixed else sorted({most, max(1, most // 2), 1}, reverse=True)
        self._usual_s = 0.0
        self._begin_trial()

    @property
    def is_measured(self) -> bool:
        """Whether the first trial has ended."""
        return len(self._choices) == 1 or self._usual_s > 0

    def _begin_trial(self) -> None:
        """Lists the numbers of the steps of a trial in turn, so that a change of the machine affects all of them."""
        self._untried = self._choices * _TRIALS if len(self._choices) > 1 else []
        self._tried: dict[int, list[float]] = {count: [] for count in self._choices}
        self._kept: deque[float] = deque(maxlen=_RECENT)  # seconds of the last steps after the trial
        self._kept_steps, self._kept_s = 0, 0.0  # of all steps after it

    def use(self, count: int | None = None) -> int:
        """Sets the number of threads of this process, to `count` or to the one for the next step; returns it."""
        self.count = count or (self._untried[0] if self._untried else self.count)
        if torch.get_num_threads() != self.count:
            torch.set_num_threads(self.count)
        return self.count

    def add(self, seconds: float) -> None:
        """Notes how long the last step took, which was computed with `count` threads."""
        if self._untried:
            self._untried.pop(0)
            self._tried[self.count].append(seconds)
            if not self._untried:
                # The least: where the system puts both threads on one core for a while, other steps are faster.
                self.count = min(self._choices, key=lambda count: min(self._tried[count]))
                self._usual_s = sum(self._tried[self.count]) / _TRIALS
            return
        self._kept.append(seconds)
        self._kept_steps, self._kept_s = self._kept_steps + 1, self._kept_s + seconds
        is_slower = len(self._kept) == _RECENT and sum(self._kept) > _SLOWER * _RECENT * self._usual_s
        is_due = self._kept_steps >= _KEPT_STEPS and self._kept_s >= _KEPT_S
        if is_slower or is_due:
            self._begin_trial()
