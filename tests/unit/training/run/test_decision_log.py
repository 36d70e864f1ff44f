"""The decisions of a run on disk."""

from __future__ import annotations

from pathlib import Path

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
