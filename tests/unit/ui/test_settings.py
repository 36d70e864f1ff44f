"""Settings from a page or a program: accepted values, and one-line refusals of the others."""

from __future__ import annotations

import json
import math

import pytest

from model.settings import MAX_SEED
from tests.support.browser_settings import FILE, browser_settings
from ui.messages import RefusalError
from ui.settings import MAX_LENGTH, check_params, check_speed


def test_the_browser_has_the_same_settings() -> None:
    assert json.loads(FILE.read_text(encoding="utf-8")) == browser_settings()


REFUSED: dict[str, list[object]] = {  # test_sampling.py has more values, which the same function checks
    "length": [0, MAX_LENGTH + 1, 12.7, math.inf, "9", None, [9], 10**5000],
    "temperature": [-1e-9, math.nan, True, 10**400],
    "top_k": [-1, None],
    "top_p": [0],
    "min_p": [1.0001],
    "seed": [MAX_SEED + 1],
    "stop": ["x" * 101, 3],
}


@pytest.mark.parametrize("field", REFUSED)
def test_other_values_are_refused_with_the_name_of_the_setting(field: str) -> None:
    for value in REFUSED[field]:
        with pytest.raises(RefusalError, match=rf"^{field} is .* must be") as refused:
            check_params({field: value})
        assert refused.value.field == field
        assert len(str(refused.value)) < 200


def test_the_highest_speed_means_no_limit() -> None:
    assert check_speed(200) is None
    assert check_speed(60) == 60.0
    for wrong in (0, 4, 201, math.nan, True, "60", None):
        with pytest.raises(RefusalError, match=r"^speed is"):
            check_speed(wrong)
