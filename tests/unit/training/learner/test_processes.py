"""Which rows of a batch a process reads; whole runs are in tests/integration."""

from __future__ import annotations

import pytest

from model.settings import UsageError
from training.learner import processes


def test_rows_are_shared_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (processes.rank(), processes.count(), processes.rows(5)) == (0, 1, slice(0, 5))
    for name, value in {"RANK": "1", "WORLD_SIZE": "3"}.items():  # as torchrun sets them
        monkeypatch.setenv(name, value)
    assert [processes.rows(batch) for batch in (3, 8)] == [slice(1, 2), slice(2, 5)]
    with pytest.raises(UsageError, match=r"batch is 2, .* 3 processes"):
        processes.rows(2)
