"""Settings from a page or a program: accepted values, and one-line refusals of the others."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from model.settings import MAX_SEED
from tests.support.browser_settings import FILE, browser_settings
from ui.messages import RefusalError
from ui.settings import MAX_LENGTH, check_params, check_speed

GOOD: dict[str, Any] = {
    "length": 10,
    "temperature": 0.5,
    "top_k": 3,
    "top_p": 0.9,
    "min_p": 0.1,
    "seed": 4,
    "stop": "x",
}


def test_whole_numbers_may_be_floats() -> None:
    params = check_params({"length": 12.0, "temperature": 1, "top_k": 5.0, "top_p": 1, "seed": 7.0})
    assert (params.length, params.top_k, params.seed) == (12, 5, 7)
    assert all(type(value) is int for value in (params.length, params.top_k, params.seed))


def test_the_browser_has_the_same_settings() -> None:
    assert json.loads(FILE.read_text(encoding="utf-8")) == browser_settings()


def test_the_bounds_themselves_are_allowed() -> None:
    for field, value in [("length", 1), ("length", MAX_LENGTH), ("temperature", 0), ("temperature", 5), ("top_p", 1),
                         ("top_k", 0), ("top_k", 10**30), ("seed", 0), ("seed", MAX_SEED), ("stop", "x" * 100),
                         ("stop", None), ("temperature", 1e-300)]:  # fmt: skip
        check_params({**GOOD, field: value})


@pytest.mark.parametrize(
    ("field", "values"),
    {
        "length": [0, -1, MAX_LENGTH + 1, 12.7, math.nan, math.inf, True, "9", None, [9], 10**5000],
        "temperature": [-1e-9, 5.0001, math.nan, math.inf, -math.inf, True, "1", None, {}, 10**400],
        "top_k": [-1, 0.5, math.nan, False, "1", None],
        "top_p": [0, 1.0001, math.nan, True, None],
        "min_p": [-0.1, 1.0001, math.nan, True, None],
        "seed": [-1, MAX_SEED + 1, 0.5, math.nan, math.inf, True, "1"],
        "stop": ["x" * 101, 3, ["a"], b"a"],
    }.items(),
)
def test_other_values_are_refused_with_the_name_of_the_setting(field: str, values: list[object]) -> None:
    for value in values:
        with pytest.raises(RefusalError) as refused:
            check_params({**GOOD, field: value})
        assert refused.value.field == field
        assert str(refused.value).startswith(f"{field} is ")
        assert "must be" in str(refused.value)
        assert len(str(refused.value)) < 200


def test_the_highest_speed_means_no_limit() -> None:
    assert check_speed(200) is None
    assert check_speed(60) == 60.0
    for wrong in (0, 4, 201, math.nan, True, "60", None):
        with pytest.raises(RefusalError, match=r"^speed is"):
            check_speed(wrong)
