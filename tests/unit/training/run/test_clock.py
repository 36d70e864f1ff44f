"""The log of the progress of a run when it is damaged; tests/integration runs it on simulated machines."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.run.clock import LOG, ProgressLog


def add(folder: Path, after: int, steps: range) -> None:
    """Records steps of a run that was resumed after a step."""
    log = ProgressLog(folder, after, 2.5 * after, 100)
    for step in steps:
        log.add(step, 2.5 * step, 1 + step % 2)
    log.close()


def repeated(folder: Path, after: int) -> list[int]:
    """The steps that a run repeats after a checkpoint."""
    log = ProgressLog(folder, after, 2.5 * after, 100)
    found = {step: log.repeated(step) for step in range(60)}
    log.close()
    assert all(record in (None, (2.5 * step, 1 + step % 2)) for step, record in found.items())
    return [step for step, record in found.items() if record]


@pytest.mark.parametrize("cut", [1, 21])
def test_a_log_that_was_cut_or_damaged_is_read_up_to_there_and_goes_on(tmp_path: Path, cut: int) -> None:
    add(tmp_path, 0, range(1, 6))
    data = (tmp_path / LOG).read_bytes()
    whole = (len(data) - cut) // 20
    for damaged in (data[:-cut], data[: whole * 20] + b"\xff" * (len(data) - whole * 20)):
        (tmp_path / LOG).write_bytes(damaged)
        assert repeated(tmp_path, 1) == [*range(2, whole + 1)]
        add(tmp_path, 1, range(whole + 1, whole + 2))
        assert repeated(tmp_path, 1) == [*range(2, whole + 2)]
