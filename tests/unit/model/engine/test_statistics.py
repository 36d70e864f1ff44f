"""Totals of an engine that another thread reads while replies end."""

from __future__ import annotations

from typing import get_args

from model.engine.sequence import FinishReason
from model.engine.statistics import Statistics


def test_the_counter_of_reasons_never_grows_so_a_thread_may_add_it_up_meanwhile() -> None:
    assert set(Statistics().ended) == set(get_args(FinishReason))
    assert (Statistics() + Statistics()).ended.total() == 0
