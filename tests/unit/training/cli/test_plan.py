"""The recipe of a run of a given number of steps."""

from __future__ import annotations

import pytest

from training.cli.plan import with_steps
from training.learner.recipe import PRESETS


@pytest.mark.parametrize(
    ("steps", "held_out", "evaluations"), [(5_500, 111_540, 20), (500, 111_540, 3), (5, 46_000, 2)]
)
def test_evaluations_of_a_short_run_read_a_fifth_of_what_it_trains_on(
    steps: int, held_out: int, evaluations: int
) -> None:
    recipe = with_steps(PRESETS["medium"], steps, held_out, given=())
    assert (recipe.steps, recipe.evaluations) == (steps, evaluations)
    assert with_steps(PRESETS["medium"], steps, held_out, given={"evaluations"}).evaluations == 20
