"""The schedule of a run: its learning rate, evaluations and samples, as functions of its progress.

Progress is counted in planned steps, from 0 to `recipe.steps`. In a run of `--steps` it is the number of steps done; in
a run of `--minutes` the clock sets it (see `run.clock`), because machines change their speed. Nothing else depends on
the clock, so a run that repeats the recorded progress of another one takes the same steps.
"""

from __future__ import annotations

from bisect import bisect_right

from .recipe import Recipe

SAMPLES = 20  # in a run, at most, in addition to those of evaluations
_FIRST_SAMPLE = 20_000  # characters read before the first sample, which would be noise


class Schedule:
    """What a run of a recipe does at each progress."""

    def __init__(self, recipe: Recipe) -> None:
        self._steps = recipe.steps
        self._warmup = max(1, round(recipe.warmup * recipe.steps))
        self._evaluations = _denser_at_first(recipe.steps, recipe.evaluations)
        first_sample = _FIRST_SAMPLE / (recipe.batch * recipe.window)
        self._samples = [at for at in _denser_at_first(recipe.steps, SAMPLES) if at >= first_sample]

    def rate(self, progress: float) -> float:
        """Returns the share of the full learning rate for the next step: linear warm-up, then linear decay to zero."""
        if progress < self._warmup:
            return min(1.0, (progress + 1) / self._warmup)
        return max(0.0, 1 - (progress - self._warmup) / max(1, self._steps - self._warmup))

    def evaluates(self, before: float, after: float) -> bool:
        """Returns whether a run evaluates after a step that took its progress from `before` to `after`.

        It evaluates more often at first, and after its last step.
        """
        return after >= self._steps or _passes(self._evaluations, before, after)

    def samples(self, before: float, after: float) -> bool:
        """Returns whether it prints a sample after such a step, if it does not evaluate there."""
        return _passes(self._samples, before, after)

    def evaluations_left(self, progress: float) -> int:
        """Returns how many evaluations follow."""
        return len(self._evaluations) - bisect_right(self._evaluations, progress) + (progress < self._steps)


def _passes(positions: list[int], before: float, after: float) -> bool:
    return bisect_right(positions, after) > bisect_right(positions, before)


def _denser_at_first(steps: int, times: int) -> list[int]:
    """Returns at most `times - 1` positions between 0 and the last step, in order, with growing gaps."""
    return sorted({round(steps * (i / times) ** 1.5) for i in range(1, times)} - {0})
