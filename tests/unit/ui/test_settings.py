"""The table of settings that the browser has, and the speed; test_api.py tries the other settings."""

from __future__ import annotations

import json
import math

import pytest

from tests.support.browser_settings import FILE, browser_settings
from ui.messages import RefusalError
from ui.settings import check_speed


def test_the_browser_has_the_same_settings() -> None:
    assert json.loads(FILE.read_text(encoding="utf-8")) == browser_settings()


def test_the_highest_speed_means_no_limit() -> None:
    assert check_speed(200) is None
    assert check_speed(60) == 60.0
    for wrong in (0, 4, 201, math.nan, True, "60", None):
        with pytest.raises(RefusalError, match=r"^speed is"):
            check_speed(wrong)
