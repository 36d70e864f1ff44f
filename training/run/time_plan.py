"""The plan of `--minutes M`: how many steps and evaluations fit into the time, revised while the run trains.

Everything that a run does between the start of its process and its end counts: reading, measuring, steps, evaluations,
samples, checkpoints, cards. The plan holds how long a step takes now, and the cost of everything else in steps, so that
both follow the speed of the machine. Some hundred times in a run it decides how many steps the run has in all; the run
records each decision before it uses it (see `decision_log`), so that nothing else depends on the clock.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..learner.recipe import Recipe
from ..learner.schedule import SAMPLES, Decision, Schedule

_EVALUATIONS_SHARE = 0.05  # of the time, for evaluations and checkpoints, at most
MIN_EVALUATIONS = 2
_MIN_EVALUATED = 10_000  # characters of an evaluation: the loss on fewer is too noisy
_MIN_STEPS = 10
_BLOCK_SHARE, _MAX_BLOCK_S = 0.01, 5.0  # time between two decisions: a share of the whole time, up to 5 s
_MAX_BLOCKS = 4_000  # of a run of days: state.json holds a list for each, and at most 10,000 lists can be read back
_LAST_BLOCKS = 3  # a block is no longer than a third of the time that is left, so that the run ends in time
_AVERAGED_SHARE, _AVERAGED_S = 0.03, (1.0, 20.0)  # the seconds of a step are averaged over this part of the whole time
_MEASURED_STEPS = 4  # the weight of the measurement before the first step in that average, in steps
_MAX_STEPS = 10**9


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Seconds that parts of a run take, measured before its first step.

    Attributes:
        step_s: a training step.
        character_s: the losses of an evaluation, for each character that it reads.
        evaluation_s: the other parts of an evaluation: int8 cost, checkpoint, card.
        sample_s: a sample; each evaluation has one.
        end_s: what follows the last evaluation: named cells, the last card, the end of the process.
    """

    step_s: float
    character_s: float
    evaluation_s: float
    sample_s: float
    end_s: float

    def of_evaluation(self, characters: int) -> float:
        """Returns the seconds of an evaluation that reads `characters` characters, with its sample."""
        return self.evaluation_s + self.sample_s + characters * self.character_s


class TimePlan:
    """Estimates how long a run takes, and decides on its number of steps, so that it ends in time.

    Args:
        minutes: the time that the run may take; None for a run of a fixed number of steps.
        measured_s: seconds of a step, measured before the first; 0 when nothing was measured.
        step_s: seconds of a step, averaged over the last steps.
        evaluation, sample: the time of an evaluation and of a sample, in steps.
        end_s: seconds from the last evaluation to the end of the process, at the measured speed.
    """

    def __init__(
        self,
        minutes: float | None = None,
        *,
        measured_s: float = 0.0,
        step_s: float = 0.0,
        evaluation: float = 0.0,
        sample: float = 0.0,
        end_s: float = 0.0,
    ) -> None:
        self.minutes = minutes
        self._measured_s, self._end_s = measured_s, end_s
        self._evaluation, self._sample = evaluation, sample
        shortest, longest = _AVERAGED_S
        averaged_s = longest if minutes is None else _AVERAGED_SHARE * 60 * minutes
        self._averaged_s = min(longest, max(shortest, averaged_s))
        self._count = _MEASURED_STEPS if step_s else 0.0
        self._sum_s = self._count * step_s

    @property
    def step_s(self) -> float:
        """The seconds of a step, averaged over the last ones; 0 before the first."""
        return self._sum_s / self._count if self._count else 0.0

    def add_step(self, seconds: float) -> None:
        """Adds the seconds of a step to the average."""
        kept = math.exp(-seconds / self._averaged_s)
        self._sum_s = kept * self._sum_s + seconds
        self._count = kept * self._count + 1

    def add_evaluation(self, seconds: float) -> None:
        """Updates the time of an evaluation, its sample included, with the seconds of the last one."""
        self._evaluation = self._averaged(self._evaluation, seconds)

    def add_sample(self, seconds: float) -> None:
        """Updates the time of a sample with the seconds of the last one."""
        self._sample = self._averaged(self._sample, seconds)

    def _averaged(self, before: float, seconds: float) -> float:
        """Returns the mean of `before`, in steps, and of `seconds`."""
        if not self.step_s:
            return before
        found = seconds / self.step_s
        return (before + found) / 2 if before else found

    def first_decisions(self, recipe: Recipe) -> list[Decision]:
        """Returns the decisions of a new run before its first step: none if its number of steps is fixed.

        The decision is revised after one step, because some work is left between planning and the first step.
        """
        return [] if self.minutes is None else [Decision(0, recipe.steps, 1)]

    def decide(self, schedule: Schedule, step: int, elapsed_s: float) -> Decision:
        """Returns how many steps the run has in all, as decided after `step` steps and `elapsed_s` seconds."""
        total_s = 60 * (self.minutes or 0.0)
        left_s = max(0.0, total_s - elapsed_s)
        fitting = left_s / self.step_s - self._other_steps(schedule, step)
        steps = min(_MAX_STEPS, max(step + 1, _MIN_STEPS, step + round(fitting)))
        longest_s = max(_MAX_BLOCK_S, total_s / _MAX_BLOCKS)
        block_s = min(longest_s, _BLOCK_SHARE * total_s, left_s / _LAST_BLOCKS)
        return Decision(step, steps, min(steps, step + max(1, round(block_s / self.step_s))))

    def seconds_left(self, schedule: Schedule, step: int, elapsed_s: float) -> float:
        """Returns how many seconds the run still takes after `step` steps and `elapsed_s` seconds."""
        if self.minutes is not None and step < schedule.steps:
            return max(0.0, 60 * self.minutes - elapsed_s)
        return self.step_s * (schedule.steps - step + self._other_steps(schedule, step))

    def _other_steps(self, schedule: Schedule, step: int) -> float:
        """Returns the time of everything that is left except training steps, in steps."""
        evaluations, samples = schedule.evaluations_left(step), schedule.samples_left(step)
        # A program that takes one of two cores slows down a step, which uses both, but hardly the end of the run, which
        # uses one; a slower processor slows down both. The square root is wrong by a factor of 1.4 at most when steps
        # take twice as long.
        slower = math.sqrt(self.step_s / self._measured_s) if self._measured_s else 0.0
        end = self._end_s * slower / self.step_s if self.step_s else 0.0
        return evaluations * self._evaluation + samples * self._sample + end

    def to_json(self) -> Mapping[str, float]:
        """Returns the arguments of a plan that continues this one, as a checkpoint saves them."""
        return {
            "minutes": self.minutes or 0.0,
            "measured_s": self._measured_s,
            "step_s": self.step_s,
            "evaluation": self._evaluation,
            "sample": self._sample,
            "end_s": self._end_s,
        }

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> TimePlan:
        """Returns a plan that a checkpoint saved.

        Raises:
            ValueError: a number is missing or not allowed; the checkpoint may come from a stranger's repo.
        """
        numbers = {name: saved.get(name) for name in cls(0.0).to_json()}
        for name, number in numbers.items():
            minimum = 1e-9 if name in ("minutes", "step_s", "measured_s") else 0.0  # these must not be 0
            if not isinstance(number, int | float) or not minimum <= number < 1e9:
                raise ValueError(f"{name} of the time plan is {number!r:.40}")
        return cls(**{name: float(number) for name, number in numbers.items() if number is not None})


def plan_minutes(
    recipe: Recipe,
    costs: Costs,
    *,
    minutes: float,
    elapsed_s: float,
    validation: int,
    fixed: frozenset[str] = frozenset(),
) -> tuple[Recipe, TimePlan]:
    """Returns the recipe with the steps and evaluations that fit into the time, and the time plan of a run of it.

    Args:
        costs: the costs of the recipe on this machine.
        minutes: the time from the start of the process to its end.
        elapsed_s: the seconds of it that have passed.
        validation: characters of the held-out text.
        fixed: fields of the recipe that the user chose, which stay as they are.
    """
    left_s = 60 * minutes - elapsed_s - costs.end_s
    share_s = max(0.0, _EVALUATIONS_SHARE * left_s)
    evaluated, evaluations = min(recipe.evaluated, validation), recipe.evaluations
    if "evaluated" not in fixed and "evaluations" not in fixed and costs.character_s:
        # Fewer characters only if the minimum of evaluations does not fit with all of them.
        fitting = (share_s / MIN_EVALUATIONS - costs.of_evaluation(0)) / costs.character_s
        evaluated = min(evaluated, max(_MIN_EVALUATED, int(fitting)))
    evaluation_s = costs.of_evaluation(evaluated)
    if "evaluations" not in fixed:
        # One a minute, so that a run that is killed loses no more than a minute; up to 200.
        wanted = min(200, max(recipe.evaluations, round(minutes)))
        evaluations = max(MIN_EVALUATIONS, min(wanted, int(share_s / evaluation_s)))
    left_s -= evaluations * evaluation_s + max(0, SAMPLES - evaluations) * costs.sample_s
    steps = min(_MAX_STEPS, max(_MIN_STEPS, round(left_s / costs.step_s)))
    recipe = replace(recipe, steps=steps, evaluations=evaluations)
    if evaluated < min(recipe.evaluated, validation):
        recipe = replace(recipe, evaluated=evaluated)
    plan = TimePlan(
        minutes,
        measured_s=costs.step_s,
        step_s=costs.step_s,
        evaluation=evaluation_s / costs.step_s,
        sample=costs.sample_s / costs.step_s,
        end_s=costs.end_s,
    )
    return recipe, plan
