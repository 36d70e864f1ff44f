"""The schedule of a run: its learning rate, evaluations, samples and last step, as a function of recorded decisions.

A run of a fixed number of steps needs no decision. A run of `--minutes` revises its number of steps while it trains,
because machines change their speed. Each revision is a `Decision`. The clock changes a run by decisions only, so a run
that repeats the decisions of another takes the same steps.

Evaluations and warm-up are planned as positions in the recipe, from 0 to its number of steps: a decision maps the steps
that are left to the rest of the recipe. Without a decision the position is the number of steps done.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import NamedTuple

from .recipe import Recipe

SAMPLES = 20  # in a run, at most, in addition to those of evaluations
_FIRST_SAMPLE = 20_000  # characters read before the first sample, which would be noise


class Decision(NamedTuple):
    """The number of steps that a run has, as decided before one of them.

    Attributes:
        step: the step before which it was decided, from 0.
        steps: the number of steps of the whole run.
        until: the step before which the next decision is made.
    """

    step: int
    steps: int
    until: int


class Schedule:
    """What a run does at each step.

    Args:
        recipe: its rates, and its steps and evaluations as they were planned.
        decisions: those made so far, oldest first; none for a run of a fixed number of steps.

    Raises:
        ValueError: the decisions contradict each other.
    """

    def __init__(self, recipe: Recipe, decisions: Iterable[Decision] = ()) -> None:
        self.recipe = recipe
        self.decisions: list[Decision] = []
        self._starts: list[int] = []
        self._positions: list[float] = []
        self._evaluations = _denser_at_first(recipe.steps, recipe.evaluations)
        self._samples = _denser_at_first(recipe.steps, SAMPLES)
        for decision in decisions:
            self.add(decision)

    @property
    def steps(self) -> int:
        """The number of steps of the whole run, as far as it is decided."""
        return self.decisions[-1].steps if self.decisions else self.recipe.steps

    @property
    def is_timed(self) -> bool:
        """Whether decisions set the length of the run."""
        return bool(self.decisions)

    def add(self, decision: Decision) -> None:
        """Appends a decision, which applies from its step on.

        Raises:
            ValueError: it is not later than the previous decision, or its numbers contradict each other.
        """
        step, steps, until = decision
        newest = self.decisions[-1].step if self.decisions else -1
        if not newest < step < until <= steps or (newest < 0 < step):
            raise ValueError(f"the decisions of the run are not valid: {tuple(decision)}")
        position = self.position(step)
        self.decisions.append(decision)
        self._starts.append(step)
        self._positions.append(position)

    def needs_decision(self, step: int) -> bool:
        """Returns whether a decision must be made after `step` steps, before the next one."""
        return self.is_timed and self.decisions[-1].until <= step < self.steps

    def position(self, step: int) -> float:
        """Returns the position in the recipe after `step` steps: 0 to the recipe's number of steps."""
        at = bisect_right(self._starts, step) - 1
        if at < 0:
            return step
        first, steps, _ = self.decisions[at]
        begin = self._positions[at]
        return begin + (step - first) * ((self.recipe.steps - begin) / (steps - first))

    def rate_at(self, step: int) -> float:
        """Returns the share of the full learning rate at a step from 0: linear warm-up, then linear decay to zero.

        When a machine becomes faster, the share of the steps that are left is larger than the share of the recipe. The
        rate then follows the steps and is higher: when it followed the recipe, the loss was 0.014 nats above that of a
        run with a fixed number of steps.
        """
        decided = bisect_right(self._starts, step)
        return self._rate(step, self.decisions[decided - 1].steps if decided else self.recipe.steps)

    def rate_after(self, step: int) -> float:
        """Returns the rate after `step` steps for the log: without the decision that may be made there."""
        decided = bisect_left(self._starts, step)
        return self._rate(step, self.decisions[decided - 1].steps if decided else self.recipe.steps)

    def _rate(self, step: int, steps: int) -> float:
        """Returns the rate at a step, from 0, of a run of `steps` steps."""
        planned = self.recipe.steps
        position = min(self.position(step), planned * step / steps)
        warmup = max(1, round(self.recipe.warmup * planned))
        if position < warmup:
            return min(1.0, (position + 1) / warmup)
        return 1 - (position - warmup) / max(1, planned - warmup)

    def evaluates_after(self, step: int) -> bool:
        """Returns whether the run evaluates after `step` steps: more often at first, and after the last step."""
        return step == self.steps or self._passes(self._evaluations, step)

    def samples_after(self, step: int) -> bool:
        """Returns whether the run prints a sample after `step` steps, if it does not evaluate there."""
        read = step * self.recipe.batch * self.recipe.window
        return read >= _FIRST_SAMPLE and self._passes(self._samples, step)

    def evaluations_left(self, step: int) -> int:
        """Returns how many evaluations follow after `step` steps."""
        return len(self._evaluations) - bisect_right(self._evaluations, self.position(step)) + (step < self.steps)

    def samples_left(self, step: int) -> int:
        """Returns how many samples without an evaluation follow after `step` steps, or one more than that."""
        left = len(self._samples) - bisect_right(self._samples, self.position(step)) + (step < self.steps)
        return max(0, left - self.evaluations_left(step))

    def _passes(self, positions: list[int], step: int) -> bool:
        """Returns whether step number `step`, counted from 1, reached one of these positions."""
        if step < 1:
            return False
        return bisect_right(positions, self.position(step)) > bisect_right(positions, self.position(step - 1))


def _denser_at_first(steps: int, times: int) -> list[int]:
    """Returns at most `times - 1` positions between 0 and the last step, in order, with growing gaps."""
    return sorted({round(steps * (i / times) ** 1.5) for i in range(1, times)} - {0})
