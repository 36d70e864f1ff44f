"""The progress of a run, step by step: with `--steps` the number of steps done, with `--minutes` a matter of the clock.

A run of `--minutes` spreads the progress that is left over the time that is left for training steps: a step that took a
hundredth of that time takes the progress a hundredth of the rest further. So the run ends in time whatever else the
machine does, and its learning rate has fallen to zero by then. Evaluations and the end of the run take their time from
that of the steps; what they take is measured before the first step and again whenever one has ended.

The progress after each step is written to `progress.log` before the run uses it. A resumed run repeats the progress and
the number of threads of the steps that it takes again, so that these steps are the same, bit for bit.
"""

from __future__ import annotations

import contextlib
import math
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..learner.recipe import Recipe, Schedule

LOG = "progress.log"
MIN_STEPS = 10  # of a run, however short
_RECORD = struct.Struct("<qdi")  # step, progress after it, threads
_RECENT_S = 5.0  # over which the speed is averaged
_NEW_SHARE = 0.5  # of the newest measurement in the time of an evaluation


@dataclass(kw_only=True)
class Costs:
    """Seconds that the parts of a run take on a machine as busy as before its first step."""

    step_s: float = 0.0  # a training step; 0 if it was not measured
    evaluation_s: float = 0.0  # an evaluation, with its sample and its checkpoint
    end_s: float = 0.0  # what follows the last evaluation: named cells, the last card, the end of the process


class Clock:
    """The progress of one run.

    Args:
        minutes: the time that the run may take; None for a run of a fixed number of steps.
    """

    def __init__(
        self,
        recipe: Recipe,
        minutes: float | None = None,
        costs: Costs | None = None,
        *,
        steps_done: int = 0,
        progress: float = 0.0,
    ) -> None:
        self.minutes, self.costs, self.progress = minutes, costs or Costs(), progress
        self._planned, self._schedule, self._steps_done = recipe.steps, Schedule(recipe), steps_done
        self._count, self._sum_s = (1.0, self.costs.step_s) if self.costs.step_s else (0.0, 0.0)

    @property
    def is_done(self) -> bool:
        """Whether no step follows."""
        return self.progress >= self._planned

    @property
    def step_s(self) -> float:
        """The seconds of a step, averaged over the last ones; 0 before the first."""
        return self._sum_s / self._count if self._count else 0.0

    def add_step(self, seconds: float, elapsed_s: float, recorded: float | None = None) -> None:
        """Moves on after a step.

        Args:
            recorded: the progress after it in the log of a run that is repeated; None in a new step.
        """
        kept = math.exp(-seconds / _RECENT_S)
        self._sum_s, self._count = kept * self._sum_s + seconds, kept * self._count + 1
        self._steps_done += 1
        if recorded is not None:
            self.progress = recorded
        elif self.minutes is None:
            self.progress = float(self._steps_done)
        else:
            left_s = 60 * self.minutes - elapsed_s  # of which evaluations leave half for the steps
            self.progress = self._timed(seconds, left_s - min(self._evaluations_s(), left_s / 2) - self._end_s())

    def _timed(self, seconds: float, left_s: float) -> float:
        """Returns the progress after a step of `seconds`, when `left_s` are left for the steps that follow."""
        if left_s < seconds / 2:  # the next step would end later than this one ends too early
            reached = float(self._planned)
        else:
            reached = self.progress + (self._planned - self.progress) * seconds / (left_s + seconds)
        return min(reached, self._planned * self._steps_done / min(MIN_STEPS, self._planned))

    def _evaluations_s(self) -> float:
        """Returns the seconds of all evaluations that are left."""
        return self._slower * self._schedule.evaluations_left(self.progress) * self.costs.evaluation_s

    def _end_s(self) -> float:
        # Another program that takes one of two cores slows down a step, which uses both, but hardly the end of the run,
        # which uses one; a slower processor slows down both. The square root is wrong by a factor of 1.4 at most when
        # steps take twice as long.
        return math.sqrt(self._slower) * self.costs.end_s

    @property
    def _slower(self) -> float:
        """How many times as long as before the first step everything takes now."""
        return self.step_s / self.costs.step_s if self.costs.step_s else 1.0

    def add_evaluation(self, seconds: float) -> None:
        """Updates the time of an evaluation with that of the last one."""
        self.costs.evaluation_s += _NEW_SHARE * (seconds / self._slower - self.costs.evaluation_s)

    def seconds_left(self, elapsed_s: float) -> float:
        """Returns how many seconds the run still takes, after `elapsed_s` seconds."""
        if self.minutes is not None:
            return max(0.0, 60 * self.minutes - elapsed_s)
        return self.step_s * (self._planned - self.progress) + self._evaluations_s() + self._end_s()

    def to_json(self) -> Mapping[str, float]:
        """Returns what a checkpoint saves of a run of `--minutes`, for `restored`."""
        return {"minutes": self.minutes or 0.0, "progress": self.progress, **asdict(self.costs)}


def restored(recipe: Recipe, state: Mapping[str, Any], steps_done: int) -> Clock:
    """Returns the clock of a run at a checkpoint with this state.json.

    Raises:
        KeyError, TypeError, ValueError: a number is missing or not allowed; the checkpoint may be a stranger's.
    """
    saved = state.get("clock")
    if saved is None:
        return Clock(recipe, steps_done=steps_done, progress=float(steps_done))
    numbers = {name: saved[name] for name in Clock(recipe).to_json()}
    minutes, progress = (numbers.pop(name) for name in ("minutes", "progress"))
    is_valid = 0 < minutes < 1e9 and 0 <= progress <= recipe.steps and numbers["step_s"] > 0
    if not is_valid or not all(0 <= seconds < 1e9 for seconds in numbers.values()):
        raise ValueError(f"the clock is not valid: {saved!r:.200}")
    return Clock(recipe, minutes, Costs(**numbers), steps_done=steps_done, progress=progress)


class ProgressLog:
    """`progress.log` of a run folder: the progress after each step and its number of threads, 20 bytes a step.

    Args:
        after: the step of the checkpoint that is resumed; 0 in a new run.
        progress: the progress there.
        planned: the progress at the end.
    """

    def __init__(self, folder: Path, after: int, progress: float, planned: int) -> None:
        self._steps: dict[int, tuple[float, int]] = {}
        data = b""
        if after:  # a new run repeats nothing, and an earlier one that was killed may have left a log
            with contextlib.suppress(OSError):
                data = (folder / LOG).read_bytes()
        whole = len(data) // _RECORD.size * _RECORD.size  # a process that was killed may have written half of a record
        records = {step: (progress, threads) for step, progress, threads in _RECORD.iter_unpack(data[:whole])}
        while (record := records.get(after + 1)) and progress < record[0] <= planned and record[1] > 0:
            after, progress = after + 1, record[0]
            self._steps[after] = record
        self._file = (folder / LOG).open("ab", buffering=0)
        self._file.truncate(whole)

    def repeated(self, step: int) -> tuple[float, int] | None:
        """Returns the recorded progress after a step, from 1, and its number of threads; None for a new step."""
        return self._steps.get(step)

    def add(self, step: int, progress: float, threads: int) -> None:
        """Records a new step. If the disk is full the run continues, but cannot be repeated from here on."""
        if not self._file.closed:
            try:
                self._file.write(_RECORD.pack(step, progress, threads))
            except OSError:
                self.close()

    def close(self) -> None:
        """Closes the file; nothing more is recorded."""
        self._file.close()
