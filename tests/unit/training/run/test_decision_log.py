"""The decisions of a run on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.platforms import posix_only
from training.learner.schedule import Decision
from training.run.decision_log import DECISIONS, DecisionLog

MADE = [Decision(0, 100, 1), Decision(1, 90, 12), Decision(12, 95, 20)]


def test_decisions_are_read_as_they_were_written(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path)
    assert log.read() == []
    log.write(MADE[:1])
    for decision in MADE[1:]:
        log.append(decision)
    assert log.read() == DecisionLog(tmp_path).read() == MADE


@posix_only
def test_a_decision_that_the_disk_cuts_off_is_an_error_and_leaves_no_line(tmp_path: Path) -> None:
    """A write that is cut off returns fewer bytes; the run followed a decision that was not on disk."""
    import resource  # not on Windows

    log, path = DecisionLog(tmp_path), tmp_path / DECISIONS
    log.write(MADE[:1])
    size = path.stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, hard))
    try:
        with pytest.raises(OSError, match="No space left on device"):
            log.append(MADE[1])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.stat().st_size == size
    log.append(MADE[1])
    assert log.read() == MADE[:2]


def test_a_line_that_was_not_written_whole_is_not_read(tmp_path: Path) -> None:
    log, path = DecisionLog(tmp_path), tmp_path / DECISIONS
    log.write(MADE)
    whole = path.read_bytes()
    last = len(whole) - len(whole.splitlines()[-1]) - 1
    for end in range(last, len(whole)):
        path.write_bytes(whole[:end])
        assert log.read() == MADE[:2]
    path.write_bytes(whole.replace(b'"until": 12', b'"until": "?"'))
    assert log.read() == MADE[:1]
